//! The suite on one page: every case, by profile and by area, with the clauses that it shows.
//!
//! Tests and registry expand from this table, so that a case that is not in it is dead code.

#[doc(hidden)]
#[macro_export]
#[rustfmt::skip]
macro_rules! __catalogue {
    (required, $emit:ident, $arg:tt) => { $crate::$emit! { $arg required
        clm {
            only_visible_and_unleased_are_claimed ["CLM-01" "CLM-04"],
            a_turn_carries_the_head_and_the_messages ["CLM-02" "MSG-01" "MSG-04"],
            the_limit_of_messages_leaves_the_rest ["CLM-02"],
            the_limit_of_bytes_leaves_the_rest_but_one ["CLM-02"],
            the_bytes_of_a_claim_leave_the_other_turns ["CLM-13" "CLM-08" "ATT-01"],
            the_bytes_of_a_claim_leave_the_other_activities ["CLM-13" "CLM-08" "ATT-01"],
            what_is_left_for_its_bytes_is_the_youngest ["CLM-13" "CLM-12" "CLM-06"],
            turns_come_in_the_order_in_which_they_became_claimable ["CLM-06"],
            a_sender_moves_nobody_back ["CLM-06"],
            activities_come_in_the_order_in_which_they_became_claimable ["CLM-06"],
            an_empty_answer_comes_at_once ["CLM-07"],
            turns_are_as_many_as_asked_for ["CLM-08"],
            activities_are_as_many_as_asked_for ["CLM-08"],
            activities_come_from_the_named_queues ["CLM-09"],
            an_activity_comes_back_to_its_queue ["CLM-09" "ACT-05" "LEA-03"],
            several_queues_are_served_together ["CLM-09" "CLM-08"],
            a_poisoned_instance_stops_nobody ["CLM-10"],
            an_undecodable_message_stops_nobody ["CLM-10" "HIS-07"],
            a_failing_activity_stops_nobody ["CLM-10"],
            leased_and_sleeping_items_stop_nobody ["CLM-10" "CLM-01"],
            an_orphan_stops_nobody ["CLM-10" "MSG-05"],
            a_hot_instance_starves_nobody ["CLM-06" "CLM-10"],
            only_due_timers_fire ["CLM-04" "CLM-02"],
        }
        named {
            a_named_instance_is_claimed ["CLM-14" "ATT-01" "CLM-02"],
            an_ended_instance_is_claimed_by_name ["CLM-14"],
            a_suspended_instance_is_claimed_by_name ["CLM-14" "SUS-01"],
            a_named_instance_has_one_holder ["CLM-14" "LEA-01" "LEA-03"],
            a_named_claim_ends_as_any_other ["CLM-14" "COM-04" "WAK-02" "LEA-06"],
        }
        clm_cost {
            a_claim_looks_at_no_sleeper ["CLM-05"],
        }
        lea {
            one_holder_at_a_time ["LEA-01"],
            every_claim_has_its_own_token ["LEA-02"],
            an_expired_turn_comes_back ["LEA-03"],
            an_expired_activity_comes_back ["LEA-03"],
            a_renewal_extends ["LEA-04"],
            a_renewal_does_not_shorten ["LEA-04"],
            a_renewed_lease_expires ["LEA-04" "LEA-03"],
            a_lease_is_rounded_up ["LEA-04" "LEA-06"],
            an_expired_lease_is_not_renewed ["LEA-05"],
            a_lease_of_nothing_is_not_renewed ["LEA-05"],
            a_released_turn_is_claimable_at_once ["LEA-06"],
            a_release_with_a_delay_backs_off ["LEA-06"],
            a_lost_lease_cannot_be_released ["LEA-07"],
            renewals_in_a_batch_are_independent ["LEA-08"],
            releases_in_a_batch_are_independent ["LEA-08"],
            empty_batches_are_answered ["LEA-08" "COM-05"],
        }
        fen {
            turn_commits_by_lease_and_position ["FEN-01" "FEN-02" "FEN-05"],
            another_execution_is_another_position ["FEN-02"],
            a_position_conflict_leaves_the_lease ["FEN-02" "LEA-01"],
            renewals_by_lease ["LEA-05" "FEN-05"],
            releases_by_lease ["LEA-07" "FEN-05"],
            outcomes_by_lease ["ACT-04" "FEN-05"],
            activity_renewals_and_releases_by_lease ["LEA-05" "LEA-07" "FEN-05"],
            a_lease_is_of_one_instance ["FEN-01" "MSG-06"],
            an_absent_instance_has_no_lease ["FEN-01"],
            a_turn_creates_an_instance ["FEN-03" "HEA-01"],
            an_instance_is_not_created_twice ["FEN-03" "FEN-05"],
            completed_activities_must_be_leased ["FEN-04" "FEN-05"],
            completed_activities_are_matched_by_their_whole_key ["FEN-04"],
            two_turns_of_one_instance_are_refused ["FEN-06" "FEN-05" "COM-05"],
        }
        fen_atomic {
            one_flaw_refuses_all_parts ["FEN-05" "COM-01" "FEN-01" "FEN-02" "FEN-04" "ACT-01" "HIS-05" "HIS-06" "EXE-03" "LIM-01"],
            without_a_flaw_all_parts_are_applied ["COM-01" "IDM-01"],
            a_refused_turn_reserves_nothing ["FEN-05" "LEA-01" "ACT-02"],
        }
        fen_standing {
            unleased_turns_by_standing_and_position ["FEN-07" "FEN-05"],
            an_unleased_turn_is_of_one_execution ["FEN-07"],
            an_absent_instance_is_not_gone_on_with ["FEN-07" "FEN-05"],
        }
        com {
            a_turn_applies_all_of_its_parts ["COM-01"],
            exactly_the_named_messages_are_consumed ["COM-02"],
            an_invisible_message_is_withdrawn ["COM-02"],
            consumption_is_of_the_own_inbox ["COM-02"],
            a_purge_takes_finished_executions_alone ["COM-03"],
            the_release_sees_what_arrived ["COM-04" "WAK-01"],
            the_release_sees_the_earliest_timer ["COM-04"],
            the_release_sees_a_timer_that_became_due ["COM-04"],
            the_release_forgets_a_withdrawn_timer ["COM-04"],
            outgoing_messages_arrive ["COM-07" "MSG-01"],
            a_turn_does_not_purge_what_it_sends ["COM-08"],
            a_turn_does_not_cancel_what_it_schedules ["COM-08" "CAN-05"],
            a_terminal_turn_leaves_nothing ["COM-01" "HEA-01"],
        }
        com_batch {
            a_batch_is_answered_in_order ["COM-05" "FEN-05"],
            an_oversized_member_costs_only_itself ["COM-05" "LIM-01"],
            one_bad_member_costs_only_itself ["COM-05" "FEN-05"],
            a_release_sees_the_sends_of_its_batch ["COM-06" "COM-04"],
            a_release_sees_the_outcomes_of_its_batch ["COM-06" "ACT-03"],
            a_turn_fans_out ["LIM-02" "COM-01" "ACT-01"],
            a_turn_fans_out_to_ten_thousand ["LIM-02" "COM-01" "ACT-01"],
            a_turn_fans_out_to_many_instances ["LIM-02" "STA-03"],
            a_batch_of_many_turns ["COM-05" "LIM-02"],
        }
        idm {
            a_repeated_turn_changes_nothing ["IDM-01"],
            a_repeated_turn_does_not_send_again ["IDM-01"],
            a_repeat_leaves_the_next_holder_alone ["IDM-01" "FEN-05"],
            only_the_last_turn_can_be_repeated ["IDM-01" "FEN-01"],
            a_repeated_creation_changes_nothing ["IDM-01" "FEN-03"],
            a_batch_is_repeated_as_a_whole ["IDM-01" "COM-05"],
            the_head_names_the_last_turn ["IDM-02" "HEA-01"],
            a_repeated_start_changes_nothing ["IDM-03" "STA-05"],
            a_repeated_outcome_is_refused ["IDM-04" "ACT-03"],
        }
        msg {
            a_message_arrives_as_it_was_sent ["MSG-01"],
            a_waiting_message_is_not_stored_again ["MSG-02"],
            a_turn_or_an_outcome_does_not_store_it_again ["MSG-02"],
            ids_of_messages_belong_to_one_inbox ["MSG-02" "MSG-06"],
            a_message_stays_until_it_is_consumed ["MSG-03"],
            messages_come_in_the_order_of_visibility ["MSG-04" "DLY-02"],
            the_messages_of_one_turn_stay_in_order ["MSG-04"],
            an_event_and_a_due_timer_keep_their_order ["MSG-04" "DLY-01"],
            undeliverable_messages_are_counted ["MSG-05"],
            a_delayed_orphan_does_not_wait_for_its_addressee ["MSG-05" "DLY-01"],
            ids_have_no_meaning ["MSG-06" "HEA-01" "CLM-02"],
            the_longest_ids_are_told_apart ["MSG-06"],
            a_client_can_name_the_life ["MSG-05" "STA-04"],
        }
        dly {
            a_delay_counts_from_the_commit ["DLY-01" "CLM-04"],
            a_clients_delay_counts_from_the_send ["DLY-01" "CLM-04"],
            a_delay_is_rounded_up ["DLY-01" "CLM-04"],
            a_delayed_message_holds_nothing_back ["DLY-02"],
            a_delayed_start_waits ["DLY-01" "STA-01"],
            an_endless_delay_never_passes ["DLY-01" "CLM-04"],
            many_timers_fire_in_order ["DLY-01" "COM-04"],
        }
        sta {
            a_start_creates_the_instance ["STA-01" "STA-05" "HEA-01"],
            an_existing_instance_is_not_started ["STA-02" "FEN-05"],
            a_turns_start_of_an_existing_instance_is_a_message ["STA-03"],
            a_delayed_start_of_an_existing_instance_is_due_at_once ["STA-03"],
            a_turns_repeated_start_is_no_message ["STA-03" "IDM-03"],
            a_turn_starts_an_instance ["STA-03" "STA-05"],
            a_turn_starts_and_sends ["STA-03" "MSG-04"],
            a_message_to_nobody_is_refused ["STA-04" "FEN-05"],
            a_message_to_another_life_is_refused ["STA-04" "FEN-05"],
        }
        sta_replace {
            an_ended_instance_is_replaced ["STA-08" "STA-05" "DEL-01"],
            what_is_late_for_the_replaced_is_lost ["STA-08" "DEL-01" "FEN-01" "ACT-04"],
            a_living_instance_is_not_replaced ["STA-08" "STA-02" "FEN-05"],
            a_repeated_replacement_changes_nothing ["STA-08" "IDM-03"],
            a_replacement_of_nobody_creates ["STA-08" "STA-01"],
            a_turn_replaces_nobody ["STA-08" "STA-03"],
            a_replacement_shares_a_batch ["STA-08" "COM-05" "IDM-03"],
            a_replacement_races_with_late_commits ["STA-08" "CON-01" "FEN-05"],
            a_replacement_races_with_late_outcomes ["STA-08" "CON-01" "MSG-05"],
            replacements_race_with_one_another ["STA-08" "CON-01"],
            what_control_waits_for_is_not_replaced ["DEL-05" "STA-08"],
            a_dropped_replacement_happened_or_did_not ["STA-08" "CXL-01"],
        }
        exp {
            an_end_says_when_it_expires ["EXP-01" "HEA-01"],
            what_goes_on_does_not_expire ["EXP-01" "HEA-02"],
            an_expired_instance_is_whole_until_it_is_removed ["EXP-02" "STA-02"],
            an_instance_is_not_removed_early ["EXP-02" "EXP-01"],
            nothing_is_left_of_an_expired_instance ["EXP-02" "EXP-03" "DEL-01"],
            what_is_late_for_the_expired_is_lost ["EXP-02" "DEL-01" "FEN-01" "ACT-04"],
            an_end_without_a_time_is_for_ever ["EXP-01" "EXP-03"],
            many_are_removed_in_the_end ["EXP-03" "MNT-01"],
            what_control_waits_for_does_not_expire ["DEL-05" "EXP-02" "EXP-03"],
        }
        exp_cost {
            maintenance_looks_at_nobody_who_stays ["EXP-03"],
        }
        act {
            an_activity_appears_with_its_turn ["ACT-01"],
            an_activity_is_claimed_as_it_was_scheduled ["ACT-05"],
            a_reserved_activity_is_born_leased ["ACT-02" "ATT-01"],
            a_reserved_activity_is_ended_by_its_token ["ACT-02" "ACT-03" "LEA-04"],
            a_reserved_activity_can_be_released ["ACT-02" "LEA-06"],
            an_outcome_removes_and_sends ["ACT-03"],
            an_outcome_can_be_silent ["ACT-03"],
            an_outcome_reaches_a_leased_instance ["ACT-03" "COM-02"],
            an_oversized_outcome_leaves_the_activity ["ACT-04" "ACT-03"],
            an_outcome_is_of_one_activity ["ACT-04" "ACT-05"],
            a_key_is_not_used_twice ["ACT-01" "FEN-05"],
            ids_beyond_two_to_the_53_are_exact ["ACT-05" "CAN-05" "FEN-02"],
        }
        can {
            cancelled_activities_are_removed ["CAN-01" "CAN-02"],
            all_activities_of_an_execution_are_cancelled ["CAN-02" "CAN-05"],
            a_cancelled_activity_is_not_renewed ["CAN-03" "ACT-04"],
            only_held_leases_are_named ["CAN-02" "CAN-01"],
            absent_activities_can_be_cancelled ["CAN-04"],
            other_executions_keep_their_activities ["CAN-05" "CAN-01"],
            the_same_number_elsewhere_is_not_cancelled ["CAN-05" "MSG-06"],
        }
        att {
            claims_are_counted ["ATT-01"],
            a_commit_resets_the_count ["ATT-02"],
            a_release_can_keep_the_count ["ATT-03"],
            a_release_can_take_its_attempt_back ["ATT-03"],
            a_release_can_reset_the_count ["ATT-03"],
        }
        fen_unleased {
            an_unleased_turn_needs_no_claim ["FEN-07" "FEN-04" "COM-02" "COM-04"],
            an_unleased_turn_leaves_its_timers ["FEN-07" "COM-02" "COM-04"],
            an_unleased_turn_does_what_a_leased_one_does ["FEN-07" "COM-01"],
            a_refused_unleased_turn_applies_no_part ["FEN-07" "FEN-05"],
            an_unleased_turn_revives_no_lease ["FEN-07" "LEA-05"],
            an_unleased_turn_begins_attempts_anew ["FEN-07" "ATT-02"],
            an_unleased_turn_holds_its_activities ["FEN-07" "FEN-04" "FEN-05"],
            a_repeated_unleased_turn_changes_nothing ["FEN-07" "IDM-01"],
            an_unleased_turn_shares_its_batch ["FEN-07" "COM-05" "COM-06" "ACT-03"],
            two_turns_without_a_lease_are_refused ["FEN-06" "FEN-05" "COM-05"],
        }
        his {
            a_history_is_read_in_order ["HIS-01"],
            a_history_is_read_page_by_page ["HIS-02" "HIS-01"],
            a_history_is_read_from_an_event ["HIS-03"],
            a_read_behind_the_end_is_empty ["HIS-03" "HIS-02"],
            what_does_not_exist_reads_as_empty ["HIS-04"],
            a_chunk_begins_at_the_end ["HIS-05" "FEN-05"],
            a_chunk_is_not_empty ["HIS-05" "FEN-05"],
            a_history_has_a_cap ["HIS-06" "FEN-05"],
            damaged_bytes_are_handed_out ["HIS-07"],
        }
        exe {
            a_turn_continues_as_new ["EXE-01" "HEA-01"],
            inputs_survive_continue_as_new ["EXE-01" "COM-03"],
            no_input_is_lost_by_continuing_as_new ["EXE-01" "CON-01" "COM-03"],
            old_timers_do_not_survive_continue_as_new ["EXE-01" "COM-03"],
            earlier_histories_stay ["EXE-02" "HIS-01"],
            a_turn_may_run_through_executions ["EXE-01" "EXE-02"],
            executions_follow_one_another ["EXE-03" "FEN-05"],
        }
        opened {
            an_ended_instance_is_opened_again ["EXE-04" "HEA-03" "EXE-02"],
            an_opened_instance_awaits_and_ends ["EXE-04" "MAI-05" "SUS-02"],
            only_the_ended_are_opened ["EXE-03" "FEN-05"],
            mail_reaches_an_opened_instance ["EXE-04" "STA-06"],
            what_waits_for_an_ended_instance_stays ["EXE-01" "COM-03"],
            an_opened_instance_does_not_expire ["EXE-04" "EXP-01"],
            an_ended_instance_is_opened_without_a_claim ["EXE-04" "FEN-07"],
            an_opening_ends_activities ["EXE-04" "ACT-03" "CAN-02"],
        }
        hea {
            an_absent_instance_has_no_head ["HEA-01"],
            a_running_instance_has_an_output_too ["HEA-03"],
            the_head_is_what_the_last_turn_wrote ["HEA-01"],
            the_status_follows_the_executions ["HEA-01"],
            a_turn_leaves_what_it_does_not_name ["HEA-02"],
            a_turn_may_end_without_an_event ["HEA-02" "HIS-04"],
        }
        wak {
            a_wait_ends_at_once_if_there_is_work ["WAK-02"],
            a_wait_is_for_its_queues ["WAK-02" "CLM-09"],
            a_wait_ends_at_its_limit ["WAK-02"],
            whatever_makes_work_ends_the_wait ["WAK-02" "WAK-01"],
            a_due_timer_ends_the_wait ["WAK-02" "DLY-01"],
            an_expired_lease_ends_the_wait ["WAK-02" "LEA-03"],
            a_wait_claims_nothing ["WAK-03" "ATT-01"],
            every_waiter_hears_of_work ["WAK-02" "WAK-01"],
            no_wake_up_is_lost ["WAK-01" "WAK-02"],
            no_message_is_left_behind_by_a_release ["WAK-01" "COM-04" "CON-01"],
            a_watch_answers_at_once ["WAK-04"],
            a_watch_ends_with_the_change ["WAK-04"],
            a_watch_ends_empty_at_its_limit ["WAK-04"],
            no_change_is_missed ["WAK-04" "WAK-01"],
            a_delayed_release_ends_the_wait ["WAK-02" "LEA-06"],
        }
        lim {
            a_message_has_a_limit ["LIM-01"],
            an_activity_and_an_output_have_a_limit ["LIM-01"],
            core_state_has_a_limit ["LIM-01"],
            a_turn_has_a_limit ["LIM-01" "LIM-02"],
            a_batch_has_a_limit ["LIM-01" "CAP-01"],
            a_topic_has_a_limit ["LIM-03" "MSG-02" "CAP-01"],
            a_mailbox_has_a_limit ["LIM-03" "MSG-02" "CAP-01"],
            a_turn_passes_a_full_topic ["LIM-03" "COM-07"],
            control_has_a_quota ["LIM-03"],
        }
        mai {
            mail_waits_until_it_is_awaited ["CLM-11" "MAI-02" "MAI-05"],
            awaited_mail_wakes ["MAI-05" "WAK-01" "CLM-11"],
            old_mail_does_not_jump_the_queue ["CLM-06" "MAI-05"],
            a_commit_states_what_is_awaited ["MAI-05" "HEA-02"],
            the_ended_and_the_eventless_await_nothing ["MAI-05"],
            mail_is_read_in_order_and_stays ["MAI-02" "MSG-04"],
            mail_is_read_page_by_page ["MAI-02" "MAI-03"],
            no_topic_keeps_older_mail_back ["MAI-03"],
            a_mark_is_of_one_message ["MAI-02"],
            another_life_has_no_mail ["MAI-04" "MSG-06"],
            mail_is_addressed_to_no_execution ["MAI-01" "COM-03" "EXE-01"],
            topics_are_told_apart ["MSG-06" "MAI-02"],
            the_ended_take_no_mail ["STA-06" "MSG-02" "MSG-05"],
            what_is_awaited_has_a_limit ["LIM-04"],
        }
        que {
            services_keep_to_their_queues ["CLM-09" "STA-07"],
            an_instance_comes_back_to_its_queue ["CLM-09" "STA-07" "LEA-03"],
            an_instance_keeps_its_queue ["STA-07" "HEA-01" "STA-03"],
            each_queue_of_turns_has_its_share ["CLM-12" "CLM-06" "CLM-08"],
            without_a_share_the_oldest_comes_first ["CLM-12"],
            each_queue_of_activities_has_its_share ["CLM-12" "CLM-08"],
            a_wait_is_for_its_queues_of_turns ["WAK-02" "CLM-09"],
            a_claim_has_a_limit_of_queues ["LIM-05"],
            the_name_of_a_queue_has_a_limit ["LIM-05"],
        }
        sus {
            the_suspended_get_control_only ["SUS-01" "SUS-02" "CLM-11"],
            an_end_ends_the_suspension ["SUS-02"],
            an_unleased_turn_stops_at_a_suspension ["FEN-07"],
            an_unleased_turn_names_the_commit_before ["FEN-07"],
            control_is_claimed_first ["CLM-02" "MSG-04"],
            control_ends_the_hold_of_a_release ["LEA-06"],
        }
        val {
            values_are_set_read_and_removed ["VAL-01" "VAL-02"],
            any_turn_sets_values ["VAL-01" "HEA-02" "FEN-03"],
            a_refused_turn_sets_nothing ["VAL-01" "FEN-05" "IDM-01"],
            a_value_that_is_named_twice_is_refused ["VAL-01"],
            a_dropped_turn_sets_all_of_its_values_or_none ["VAL-01" "COM-01" "CXL-01"],
            turns_of_one_call_set_their_own_values ["VAL-01" "COM-05"],
            values_outlive_executions_and_ends ["VAL-03"],
            a_value_expires ["VAL-04"],
            what_an_instance_keeps_has_limits ["VAL-05"],
            the_bytes_of_values_have_limits ["VAL-05"],
            keys_are_told_apart ["VAL-02" "MSG-06"],
            a_watch_ends_with_the_change_of_a_value ["VAL-06" "WAK-04"],
            a_watch_of_a_changed_value_answers_at_once ["VAL-06" "WAK-04"],
            no_change_of_a_value_is_missed ["VAL-06"],
        }
        det {
            details_come_with_the_next_claim ["DET-01"],
            what_brings_nothing_leaves_the_details ["DET-01"],
            details_are_of_one_activity ["DET-01" "DET-03" "LEA-08"],
            a_lost_lease_leaves_nothing ["DET-02" "LEA-05" "LEA-07"],
            details_go_with_their_activity ["DET-03"],
            details_have_a_limit ["LIM-06" "DET-01"],
            a_call_has_a_limit_of_details ["LIM-06"],
            an_instances_renewal_brings_nothing ["LIM-06"],
            a_note_stays_until_the_next_commit ["NOT-01" "NOT-02"],
            any_commit_ends_a_note ["NOT-01"],
            a_note_has_a_limit ["LIM-06" "LEA-08"],
        }
        err {
            refusals_advise_against_a_retry ["ERR-01"],
        }
        con {
            claimers_share_the_instances ["CON-01" "LEA-01" "CLM-01"],
            every_message_is_processed_once ["CON-01" "COM-02" "MSG-03"],
            workers_share_the_activities ["CON-01" "LEA-01"],
            senders_do_not_disturb_one_another ["CON-01" "MSG-03" "MSG-04"],
            one_start_wins ["CON-01" "STA-02" "STA-05"],
            one_commit_wins ["CON-01" "FEN-01" "FEN-05"],
            one_of_many_repeats_does_it ["CON-01" "IDM-01"],
            an_outcome_races_with_a_cancellation ["CON-01" "ACT-04"],
            unleased_turns_and_claims_exclude_each_other ["CON-01" "FEN-07" "LEA-01"],
            renewals_disturb_no_commit ["CON-01" "LEA-04" "ACT-03" "FEN-01"],
        }
        cxl {
            a_dropped_turn_happened_or_did_not ["CXL-01" "IDM-01" "COM-01"],
            a_dropped_send_happened_or_did_not ["CXL-01" "MSG-02" "STA-01"],
            a_dropped_outcome_happened_or_did_not ["CXL-01" "ACT-03"],
            a_dropped_claim_comes_back ["CXL-02" "CXL-01" "CXL-03" "LEA-03"],
            a_dropped_release_happened_or_did_not ["CXL-01" "LEA-04" "LEA-06"],
            dropped_reads_and_waits_disturb_nobody ["CXL-01"],
            a_dropped_batch_happened_or_did_not ["CXL-01" "COM-05"],
        }
        cap {
            a_provider_says_what_it_is ["CAP-01"],
            what_is_declared_is_supported ["CAP-01" "CAP-02"],
        }
        mnt {
            maintenance_changes_nothing ["MNT-01"],
            nothing_works_after_close ["MNT-02" "ERR-02"],
            nothing_is_read_after_close ["MNT-02"],
            close_ends_the_waits ["MNT-02"],
        }
    }};
    (management, $emit:ident, $arg:tt) => { $crate::$emit! { $arg management
        mnt {
            nothing_is_managed_after_close ["MNT-02"],
        }
        adm {
            instances_are_listed_page_by_page ["ADM-01"],
            instances_are_filtered ["ADM-01" "ADM-04"],
            instances_are_filtered_by_how_they_are_run ["ADM-04"],
            instances_are_filtered_by_the_beginning_of_their_ids ["ADM-04" "MSG-06"],
            the_newest_come_first ["ADM-01" "ADM-05"],
            a_list_is_of_those_who_live_throughout ["ADM-01" "ADM-05"],
            listed_heads_are_the_heads ["ADM-04" "HEA-01"],
            a_cursor_is_of_its_list ["ADM-05" "ADM-08"],
            each_queue_has_its_load ["ADM-10"],
            executions_are_listed ["ADM-02" "EXE-01"],
            an_end_before_the_last_is_listed ["ADM-02" "EXE-04"],
            metrics_count_what_is_stored ["ADM-03"],
            depths_count_what_is_queued ["ADM-03"],
            awaited_mail_is_queued ["ADM-03"],
        }
        fam {
            children_are_found_by_their_parent ["STA-09" "ADM-04"],
            a_parent_stays ["STA-09" "HEA-01" "WAK-04"],
            children_are_created_by_turns ["STA-09" "STA-10" "FEN-03"],
            labels_are_listed ["STA-10" "ADM-04"],
            instances_are_found_by_their_labels ["ADM-06"],
            a_start_of_what_exists_changes_neither ["STA-09" "STA-10" "STA-03"],
            the_first_of_two_starts_labels ["STA-10" "STA-03"],
            labels_go_with_their_instance ["STA-10" "DEL-01"],
            labels_have_limits ["LIM-07" "FEN-05"],
        }
        ins {
            an_instance_is_seen_with_what_it_has ["ADM-07" "ADM-08"],
            an_inspection_comes_in_pages ["ADM-08"],
            a_page_has_room_for_bytes ["ADM-08"],
            a_standing_tells_what_is_waited_for ["ADM-07" "LEA-06"],
            looking_changes_nothing ["ADM-08" "ADM-09"],
            nobody_is_not_seen ["ADM-07" "ADM-08"],
            a_queue_is_listed_in_its_order ["ADM-09"],
            a_queue_is_listed_page_by_page ["ADM-09"],
            activities_are_seen_with_their_details ["ADM-08" "ADM-09" "DET-01"],
            all_values_are_read_page_by_page ["VAL-07" "VAL-04"],
        }
        pages {
            a_page_looks_at_so_many_instances ["ADM-05"],
            metrics_name_so_many_queues ["ADM-10"],
            values_are_read_beyond_a_page ["VAL-07"],
        }
        del {
            nothing_is_left_of_a_deleted_instance ["DEL-01"],
            only_the_named_instance_is_deleted ["DEL-01" "MSG-06"],
            late_operations_do_not_bring_it_back ["DEL-01" "FEN-01" "ACT-04"],
            the_next_life_begins_empty ["DEL-01" "STA-05" "MSG-05"],
            a_repeat_does_not_bring_it_back ["DEL-01" "IDM-01"],
            a_living_instance_is_not_deleted ["DEL-02"],
            an_absent_instance_is_not_deleted ["DEL-04"],
            pruning_keeps_the_latest ["DEL-03" "EXE-02"],
            pruning_leaves_the_lease ["DEL-03" "LEA-01"],
            deletion_races_with_late_commits ["DEL-01" "CON-01"],
            a_dropped_deletion_happened_or_did_not ["DEL-01" "CXL-01"],
            rebirth_races_with_late_outcomes ["DEL-01" "ACT-04" "CON-01"],
            what_control_waits_for_is_not_deleted ["DEL-05" "DEL-02"],
        }
        det {
            another_life_has_neither_details_nor_notes ["DET-03" "NOT-01" "DEL-01"],
            a_list_shows_no_notes ["NOT-02"],
        }
        val {
            values_go_with_their_instance ["VAL-03" "DEL-01" "DEL-03"],
        }
        fen_standing {
            an_unleased_turn_is_of_one_life ["FEN-07" "FEN-05" "DEL-01"],
        }
        operations {
            instances_are_listed_where_they_stand ["ADM-01" "ADM-03"],
            a_deleted_instance_begins_again ["DEL-01" "DEL-02" "STA-05"],
            a_forced_deletion_ends_the_work ["DEL-01" "CAN-03" "LEA-05"],
            children_are_deleted_with_their_parent ["ADM-01" "DEL-01" "DEL-04" "STA-05"],
            a_forced_deletion_takes_children_along ["ADM-01" "DEL-01" "DEL-02" "CAN-03"],
            a_pruned_loop_goes_on ["DEL-03" "ADM-02" "EXE-02"],
            many_are_deleted_with_their_children ["ADM-01" "DEL-01" "DEL-02"],
            a_replaced_instance_takes_its_children_along ["STA-08" "ADM-01" "DEL-01"],
        }
    }};
    (durable, $emit:ident, $arg:tt) => { $crate::$emit! { $arg durable
        lea {
            a_lease_may_end_with_its_process ["LEA-10" "LEA-01" "DUR-01"],
        }
        att {
            attempts_survive_the_process ["ATT-04"],
        }
        det {
            details_and_notes_survive_the_process ["DET-04"],
        }
        mnt {
            what_is_unavailable_changes_nothing ["ERR-02" "MNT-02"],
        }
        dur {
            everything_survives_a_crash ["DUR-01" "ATT-04"],
            everything_survives_a_close ["DUR-01" "MNT-02"],
            a_repeat_is_recognised_after_a_crash ["DUR-01" "IDM-01"],
            the_level_is_reported ["CAP-01" "DUR-01"],
            the_setting_is_read_back ["DUR-02"],
        }
        val {
            values_survive_a_crash ["DUR-01" "VAL-03"],
        }
    }};
    (multi_handle, $emit:ident, $arg:tt) => { $crate::$emit! { $arg multi_handle
        con {
            handles_share_one_store ["CON-01" "LEA-01" "HEA-01"],
            handles_take_leases_over ["CON-01" "FEN-01"],
            leases_outlive_their_handle ["CON-01" "LEA-01"],
            claimers_on_two_handles_share_the_instances ["CON-01" "LEA-01" "CLM-01"],
            a_handle_hears_of_the_others_work ["CON-01" "WAK-01" "WAK-02" "COM-07"],
        }
        val {
            a_handle_sees_the_others_values ["VAL-02" "VAL-06" "CON-01"],
        }
    }};    (end_to_end, $emit:ident, $arg:tt) => { $crate::$emit! { $arg end_to_end
        basics {
            an_orchestration_completes ["CON-01" "WAK-02" "WAK-04"],
            a_chain_passes_results_on ["COM-01" "ACT-03" "ACT-05" "HIS-01"],
            a_hundred_activities_side_by_side ["ACT-01" "ACT-02" "ACT-03" "MSG-03"],
            a_thousand_activities_side_by_side ["ACT-01" "ACT-02" "CLM-02" "LIM-02"],
            a_dropped_loser_is_cancelled ["CAN-01" "CAN-02" "ACT-04"],
        }
        events {
            events_after_their_wait_come_in_order ["MSG-04" "WAK-01"],
            a_malformed_event_is_an_error ["MSG-03" "MSG-04"],
            events_before_their_wait_are_kept ["MSG-03" "MSG-04" "STA-01"],
            a_repeated_event_is_delivered_once ["MSG-01" "MSG-02"],
            an_event_outruns_a_timer ["DLY-02" "CLM-04"],
            a_timer_outruns_an_event ["DLY-01" "WAK-02"],
            senders_at_once_lose_nothing ["CON-01" "MSG-03" "MSG-04" "WAK-01"],
            what_a_turn_withdraws_is_never_begun ["COM-01" "COM-08" "MSG-04"],
        }
        timers {
            a_thousand_timers_fire ["DLY-01" "CLM-02" "CLM-04" "COM-04"],
            a_hundred_instances_sleep ["DLY-01" "CLM-04" "COM-04" "WAK-02"],
            a_timer_outlives_its_node ["DLY-01" "CLM-04" "LEA-06"],
        }
        errors {
            a_saga_compensates ["COM-01" "ACT-03"],
            a_retry_succeeds_after_pauses ["DLY-01" "ACT-03" "COM-04"],
            a_slow_attempt_is_given_up ["DLY-01" "CAN-01" "CAN-02"],
            a_slow_attempt_is_tried_again ["ACT-01" "ACT-03" "ACT-05"],
            all_attempts_together_are_limited ["DLY-01" "ACT-03" "COM-04"],
            a_queue_is_no_timeout ["ACT-01" "LEA-04" "CLM-02"],
            an_unregistered_activity_is_an_error ["ACT-03" "COM-01"],
        }
        children {
            children_report_to_their_parent ["STA-03" "MSG-01" "COM-07"],
            a_tree_of_children_adds_up ["STA-03" "COM-07" "CLM-10"],
            a_detached_orchestration_lives_on ["STA-03" "STA-05"],
            a_taken_id_is_told_to_the_parent ["STA-03" "MSG-03"],
            a_child_ends_with_its_parent ["COM-01" "CAN-05" "MSG-05"],
        }
        rewinds {
            a_failed_activity_is_done_again ["EXE-04" "EXE-02" "HIS-01"],
            a_parent_takes_its_failed_child_along ["EXE-04" "STA-03" "COM-07"],
            what_came_after_the_failure_is_kept ["EXE-04" "MAI-02"],
            what_is_open_is_begun_anew ["EXE-04" "ACT-01" "STA-03"],
            a_cancellation_is_taken_back ["EXE-04" "MAI-05"],
            a_rewind_may_be_repeated ["EXE-04" "COM-03" "MSG-02"],
            only_failures_are_rewound ["EXE-04"],
            a_suspension_follows_a_rewind ["EXE-04" "SUS-01"],
            a_parent_hears_of_its_child_when_it_is_rewound ["EXE-04" "STA-03"],
            a_child_that_is_gone_begins_anew ["STA-03" "STA-05"],
            a_loop_is_rewound ["EXE-04" "EXE-01"],
            code_that_was_mended_goes_on ["EXE-04" "LEA-06"],
        }
        rewound_ends {
            what_was_cancelled_before_it_began_is_rewound ["EXE-04" "STA-01" "HEA-01"],
            what_is_not_known_is_not_rewound ["EXE-04" "DLY-01"],
            a_child_that_never_began_begins_again ["STA-03" "EXE-04"],
            a_cancellation_behind_another_start_stands ["STA-03" "MSG-04"],
            a_cancellation_that_nobody_heard_is_over ["EXE-04" "SUS-01" "MSG-03"],
            a_second_announcement_is_over_too ["EXE-04" "MSG-03"],
            a_child_that_is_to_go_on_stays ["DEL-05" "EXP-02" "STA-03"],
            a_rewind_that_was_given_up_is_told ["EXE-04" "HEA-01" "ADM-07"],
        }
        forks {
            what_has_completed_goes_another_way ["STA-01" "HIS-01" "HIS-03"],
            what_has_failed_is_done_again_beside_it ["STA-01" "HIS-01" "MAI-02"],
            what_is_open_is_begun_for_the_fork ["ACT-01" "STA-03" "STA-09" "CAN-05" "DEL-01"],
            what_was_sent_is_not_sent_again ["COM-01" "VAL-03"],
            a_fork_is_asked_for_twice ["STA-02" "IDM-03" "DEL-01"],
            a_fork_of_what_is_gone_fails ["HIS-04" "STA-05" "STA-08"],
            the_first_turn_of_a_fork_is_repeated ["COM-01" "LEA-01" "HIS-01"],
            a_fork_runs_corrected_code ["HEA-01" "LEA-06"],
            a_loop_is_forked ["EXE-01" "HIS-01" "DEL-03"],
            a_cancellation_is_not_copied ["STA-01" "MSG-05"],
            a_fork_is_rewound ["EXE-04" "STA-03"],
        }
        executions {
            a_loop_takes_every_input ["EXE-01" "COM-03" "MSG-04"],
            a_loop_leaves_its_histories ["EXE-02" "EXE-03" "HIS-01"],
            a_loop_works_off_a_backlog ["EXE-01" "HEA-01" "CLM-02"],
            versions_live_side_by_side ["HEA-01" "EXE-01" "LEA-06"],
            a_next_execution_need_not_be_awaited ["EXE-01" "COM-03"],
        }
        mailbox {
            no_event_is_lost_between_executions ["MAI-02" "MAI-05" "EXE-01"],
            an_actor_works_off_its_backlog ["MAI-02" "MAI-03" "EXE-01"],
            unwanted_events_cost_nothing ["MAI-05" "CLM-11"],
            a_full_mailbox_keeps_no_cancellation_out ["LIM-03" "CLM-02"],
            a_repeated_event_is_taken_once ["MSG-01" "MSG-02"],
            an_event_that_nobody_saw_goes_along ["MSG-01" "EXE-01"],
            a_semaphore_serves_everybody ["MAI-02" "MAI-05" "MSG-04"],
        }
        peers {
            an_event_from_an_instance_arrives_once ["COM-01" "COM-07" "MSG-01" "MAI-02"],
            an_event_for_nobody_is_dropped ["MSG-05" "STA-06"],
            a_full_mailbox_keeps_no_instance_from_its_turn ["LIM-03" "COM-07"],
            an_instance_writes_to_itself ["COM-08" "EXE-01" "MSG-04"],
        }
        looks {
            a_look_finds_what_is_there ["MAI-02" "MAI-03" "MSG-04"],
            another_node_repeats_what_was_not_there ["MAI-02" "HIS-01"],
            a_look_sees_what_came_before_its_cause ["MAI-02" "CON-01"],
            a_look_comes_after_a_wait ["MAI-02" "MAI-05"],
            looks_that_fill_a_turn_go_on ["MAI-03" "COM-04"],
        }
        lives {
            a_replaced_instance_begins_anew ["STA-08" "IDM-03" "DEL-01" "MSG-05"],
            an_expired_instance_is_gone ["EXP-01" "EXP-02" "EXP-03"],
            children_expire_as_their_parent_does ["EXP-01" "EXP-03" "STA-03"],
            an_orchestration_replaces_nobody ["STA-03" "STA-08"],
            a_runtime_lets_what_it_ends_expire ["EXP-01" "EXP-03"],
        }
        delayed_starts {
            a_delayed_start_begins_in_time ["DLY-01" "STA-01" "CLM-04"],
            a_delayed_start_outlives_its_node ["DLY-01" "WAK-01"],
            a_delayed_start_can_be_cancelled ["DLY-02" "COM-02" "CLM-02"],
            an_orchestration_starts_another_one_later ["DLY-01" "STA-03"],
        }
        grace {
            code_that_is_told_cleans_up ["DLY-01" "CAN-03" "COM-02"],
            a_grace_ends ["DLY-01" "EXE-01"],
            an_end_within_the_grace_stands ["COM-02" "DLY-02"],
            a_grace_needs_no_code ["LEA-06" "DLY-01"],
            a_suspended_instance_has_its_grace ["SUS-01" "DLY-01"],
        }
        values {
            progress_is_shown_to_whoever_waits ["VAL-01" "VAL-06"],
            values_go_along ["VAL-03" "EXE-01"],
            a_replay_publishes_nothing ["VAL-01" "VAL-03"],
            what_is_too_large_is_refused ["VAL-05"],
            many_values_take_several_turns ["VAL-01" "VAL-05"],
            values_outlive_every_end ["VAL-03" "VAL-06"],
        }
        suspension {
            a_suspended_instance_does_nothing ["SUS-01" "WAK-01"],
            a_suspended_instance_can_be_cancelled ["SUS-01" "SUS-02"],
            a_cancellation_before_the_first_turn_records_the_start ["SUS-01" "SUS-02"],
            an_outcome_that_meets_a_suspension_waits ["SUS-01" "FEN-07"],
            a_suspension_stops_a_chain ["FEN-07" "SUS-01"],
            a_suspended_instance_answers_a_start ["STA-03" "SUS-01"],
        }
        inspection {
            whoever_waits_says_what_for ["ADM-07" "ADM-08" "ADM-09" "STA-09"],
            instances_are_found_by_what_their_starts_say ["STA-10" "ADM-04" "ADM-06"],
            a_store_is_seen_as_it_stands ["ADM-04" "ADM-08" "ADM-10"],
        }
        queues {
            two_services_share_a_store ["CLM-09" "STA-07"],
            a_service_keeps_what_it_starts ["STA-07" "CLM-09" "STA-03"],
            an_activity_goes_to_the_queue_it_names ["CLM-09" "ACT-05"],
        }
        changed_types {
            a_type_may_gain_a_field ["HIS-01" "LEA-06" "ATT-03"],
            a_map_without_an_order_is_no_change ["HIS-01" "HIS-02"],
        }
        fan_outs {
            what_cannot_fit_does_not_run ["ACT-01" "COM-01" "HIS-01" "HIS-06"],
        }
        payloads {
            large_texts_go_round ["LIM-02" "MSG-01" "ACT-05" "HIS-01"],
            a_result_beyond_the_limit_is_an_error ["LIM-01" "CAP-01"],
            odd_texts_come_back ["MSG-01" "ACT-05" "HIS-01" "HEA-01"],
            odd_ids_are_told_apart ["MSG-06" "STA-03" "HEA-01"],
        }
        waits {
            every_waiter_hears_the_end ["WAK-04"],
            a_wait_in_vain_ends ["WAK-04" "STA-04"],
            a_status_follows_the_instance ["HEA-01" "STA-01"],
            a_client_hears_what_became_of_it ["STA-02" "HEA-01"],
            a_client_hears_what_was_refused ["STA-04"],
        }
        deployments {
            an_unknown_orchestration_is_given_back ["LEA-06" "ATT-03" "WAK-01"],
            an_unknown_version_is_given_back ["LEA-06" "ATT-03" "WAK-01"],
            an_unknown_activity_is_given_back ["LEA-06" "ATT-03" "WAK-01"],
            changed_code_waits_for_code_that_fits ["LEA-06" "ATT-03" "HIS-01"],
            an_end_by_force_takes_the_children_along ["COM-01" "CAN-05" "MSG-05"],
            an_unknown_activity_can_be_an_error ["ACT-03" "COM-01"],
            who_waits_in_vain_is_told_why ["HEA-01" "HEA-02" "MSG-03"],
            who_waits_for_a_blocked_child_is_told_why ["HEA-01" "HEA-02" "HIS-03"],
            nodes_that_lack_different_things_leave_it_alone ["LEA-06" "ATT-03" "HEA-02"],
        }
        store_faults {
            no_instance_answers_for_failing_commits ["LEA-06" "ATT-03" "ERR-02"],
            an_outcome_is_kept_until_it_is_recorded ["LEA-04" "ACT-03" "ERR-02"],
            a_short_history_ends_nobody ["HIS-01" "LEA-06" "ATT-03"],
            a_history_that_is_lost_can_be_cancelled ["HIS-01" "COM-01"],
        }
        restarts {
            a_shutdown_hands_the_work_over ["LEA-06" "ATT-03" "HIS-01"],
            a_shutdown_leaves_no_lease ["LEA-06" "ACT-02" "ATT-03" "COM-04"],
            an_activity_hears_of_a_shutdown ["LEA-06" "ATT-01" "ATT-03"],
            a_crash_at_every_step_loses_nothing ["DUR-01" "LEA-03" "ACT-03" "CXL-01"],
            an_abandoned_activity_runs_again ["LEA-03" "ATT-01" "ATT-04"],
            cold_instances_go_on ["HIS-01" "HIS-02" "IDM-02"],
        }
        nodes {
            two_nodes_share_the_work ["CON-01" "LEA-01" "WAK-01"],
            two_nodes_take_turns ["CON-01" "LEA-01" "FEN-01" "FEN-02" "IDM-02"],
            the_other_node_finishes ["LEA-03" "FEN-04" "ACT-03" "CXL-02"],
            a_late_outcome_does_not_count ["ACT-04" "LEA-03" "LEA-05"],
            a_late_turn_does_not_count ["FEN-01" "FEN-02" "FEN-05" "LEA-03"],
            nodes_catch_up_with_each_other ["HIS-03" "IDM-02" "FEN-02"],
        }
        poison {
            a_deadly_activity_is_given_up ["ATT-01" "ATT-04" "CLM-10" "LEA-03"],
            a_deadly_orchestration_is_given_up ["ATT-01" "ATT-02" "ATT-04" "CLM-10" "LEA-03"],
            shutdowns_are_not_counted ["ATT-03" "LEA-06"],
        }
        progress {
            an_activity_goes_on_where_its_lost_node_was ["DET-01" "DET-02" "LEA-03"],
            a_shutdown_hands_on_the_last_details ["DET-01" "ATT-03"],
            details_that_are_too_long_are_refused ["DET-01" "LIM-06"],
            details_are_of_one_scheduling ["DET-03"],
            a_note_goes_when_the_instance_goes_on ["NOT-01" "NOT-02" "CLM-10"],
            large_activities_come_in_several_claims ["CLM-13" "CLM-08"],
        }
        cancellation {
            a_waiting_instance_is_cancelled ["COM-01" "HEA-01" "COM-03"],
            a_working_instance_is_cancelled ["CAN-01" "CAN-02" "ACT-04"],
            a_cancellation_comes_too_early_or_too_late ["MSG-03" "HEA-01"],
            an_activity_elsewhere_hears_of_its_cancellation ["CAN-03" "CAN-05" "LEA-05"],
        }
    }};
    (random, $emit:ident, $arg:tt) => { $crate::$emit! { $arg random
        model {
            the_reference_does_the_same ["CON-01" "COM-01" "COM-05" "FEN-05" "IDM-01" "LEA-02" "MSG-04" "CXL-01"],
        }
        pairs {
            claims_are_atomic ["CON-01" "CLM-01" "LEA-01"],
            commits_are_atomic ["CON-01" "COM-01" "FEN-01" "IDM-01"],
            sends_are_atomic ["CON-01" "STA-01" "ACT-03"],
            mail_and_suspensions_are_atomic ["CON-01" "MAI-02" "MAI-05" "SUS-01" "SUS-02" "FEN-07"],
            replacements_are_atomic ["CON-01" "STA-08" "EXP-02" "DEL-01" "COM-01"],
            values_are_atomic ["CON-01" "VAL-01" "VAL-02" "COM-01"],
            openings_are_atomic ["CON-01" "EXE-04" "EXE-03" "CLM-14" "STA-06"],
            renewals_and_releases_are_atomic ["CON-01" "LEA-04" "LEA-06"],
            waits_and_deletions_are_atomic ["CON-01" "WAK-02" "DEL-01" "DEL-03"],
        }
        workers {
            invariants_hold ["CON-01" "COM-01" "LEA-01" "MSG-03" "WAK-01"],
            invariants_hold_with_crashes ["CON-01" "CXL-01" "CXL-02" "LEA-03" "ATT-04"],
        }
    }};
}
