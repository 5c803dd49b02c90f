//! The two generations of the program, and the inputs that differ between them.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Which code a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    Old,
    New,
}

/// An input of one generation: what the code of both needs is told, and the rest is its own.
pub(crate) trait Input: Serialize + DeserializeOwned + Send + Sync + 'static {
    fn of(order: u32) -> Self;
    fn order(&self) -> u32;
}

/// The types of the inputs in one generation.
pub(crate) trait Inputs: Send + Sync + 'static {
    const GENERATION: Generation;
    type Order: Input;
    type Reservation: Input;
    type Parcel: Input;
}

/// What is the same in both, and written in another order by each process: a map.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) order: u32,
    lines: HashMap<String, u32>,
}

impl Payment {
    pub(crate) fn of(order: u32) -> Self {
        let lines = (0..8).map(|line| (format!("line {line}"), order + line));
        Self {
            order,
            lines: lines.collect(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Old;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OldOrder {
    order: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OldReservation {
    order: u32,
    pieces: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OldParcel {
    order: u32,
}

impl Inputs for Old {
    const GENERATION: Generation = Generation::Old;
    type Order = OldOrder;
    type Reservation = OldReservation;
    type Parcel = OldParcel;
}

#[derive(Debug)]
pub(crate) struct New;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewOrder {
    order: u32,
    coupon: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewReservation {
    order: u32,
    pieces: u32,
    gift: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewParcel {
    order: u32,
    express: Option<bool>,
}

impl Inputs for New {
    const GENERATION: Generation = Generation::New;
    type Order = NewOrder;
    type Reservation = NewReservation;
    type Parcel = NewParcel;
}

macro_rules! input {
    ($type:ident $(, $field:ident: $value:expr)*) => {
        impl Input for $type {
            fn of(order: u32) -> Self {
                Self { order $(, $field: $value)* }
            }

            fn order(&self) -> u32 {
                self.order
            }
        }
    };
}

input!(OldOrder);
input!(OldReservation, pieces: 3);
input!(OldParcel);
input!(NewOrder, coupon: None);
input!(NewReservation, pieces: 3, gift: Some("ribbon".to_owned()));
input!(NewParcel, express: Some(true));
