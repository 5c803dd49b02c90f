//! The page as a browser shows it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod page {
    pub(crate) mod browser;
    pub(crate) mod picture;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use page::browser::{Browser, Look};
use page::picture::Picture;
use tempfile::TempDir;

/// The windows of a phone and of a desk.
const WIDTHS: [u32; 2] = [390, 1_200];
const DESK: Look = Look {
    width: 1_300,
    height: 900,
    is_dark: false,
};
/// What a page with everything on it has.
const SECTIONS: [&str; 13] = [
    "What is wrong",
    "Summary",
    "Speed",
    "Operations a second",
    "Latency",
    "Throughput over time",
    "What an operation costs",
    "What a step costs",
    "Saturation",
    "Recoveries after kills",
    "Machine",
    "Backends",
    "Guarantees",
];
/// Shows a page in a frame of a width of its own, since no window is as narrow as a phone, and tells in attributes what
/// is in it: how wide it is, its titles, what it loads, and which words of plots are outside of them or on others.
const PROBE: &str = r#"<!doctype html><body><iframe id="frame" width="WIDTH" height="900" style="border: 0"></iframe><script>
const frame = document.getElementById("frame");
const look = () => {
  const shown = frame.contentDocument, faults = [];
  for (const svg of shown.querySelectorAll("svg")) {
    const texts = [...svg.querySelectorAll("text")].map(it => ({ says: it.textContent, box: it.getBBox() }));
    texts.forEach(({ says, box }, place) => {
      const { width, height } = svg.viewBox.baseVal;
      if (box.x < -1 || box.y < -1 || box.x + box.width > width + 1 || box.y + box.height > height + 1)
        faults.push(`${says} is outside`);
      for (const { says: other, box: its } of texts.slice(place + 1))
        if (box.x + 1 < its.x + its.width && its.x + 1 < box.x + box.width
            && box.y + 4 < its.y + its.height && its.y + 4 < box.y + box.height)
          faults.push(`${says} is on ${other}`);
    });
  }
  const loads = frame.contentWindow.performance.getEntriesByType("resource");
  document.body.dataset.loads = loads.map(it => it.name).join("; ");
  document.body.dataset.faults = faults.join("; ");
  document.body.dataset.titles = [...shown.querySelectorAll("h2")].map(it => it.textContent).join("; ");
  document.body.dataset.window = frame.contentWindow.innerWidth;
  document.body.dataset.width = shown.documentElement.scrollWidth;
};
frame.onload = look;
frame.srcdoc = PAGE;
</script></body>"#;

/// Writes a page that shows this one in a frame.
fn probe(page: &str, width: u32, file: &Path) {
    // Nothing in a text of JSON ends the script but this.
    let page = serde_json::to_string(page).unwrap().replace("</", "<\\/");
    let probe = PROBE.replace("WIDTH", &width.to_string());
    fs::write(file, probe.replace("PAGE", &page)).unwrap();
}

/// The page of the golden report, which has something of everything, and its folder.
fn golden_page() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report_1.json");
    let code = duroxide_stress::render(&report, folder.path());
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    let page = folder.path().join("stress.html");
    (folder, page)
}

/// An attribute that the probe has set.
fn told<'a>(document: &'a str, name: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!(" data-{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
#[ignore = "needs a browser: cargo xtask test finds or installs one"]
fn the_page_is_whole_and_fits_a_phone() {
    let (_folder, page) = golden_page();
    let text = fs::read_to_string(&page).unwrap();
    let probed = page.with_file_name("probed.html");
    let browser = Browser::find();
    for width in WIDTHS {
        probe(&text, width, &probed);
        let (document, errors) = browser.document(&probed, DESK);
        assert_eq!(errors, [""; 0], "{width}");
        let tell = |name| told(&document, name);
        assert_eq!(tell("window"), width.to_string());
        assert_eq!(tell("width"), width.to_string(), "nothing is beside it");
        assert_eq!(tell("faults"), "", "{width}");
        assert_eq!(tell("loads"), "", "it is all in one file");
        assert_eq!(tell("titles"), SECTIONS.join("; "));
    }
}

#[test]
#[ignore = "needs a browser: cargo xtask test finds or installs one"]
fn the_page_is_shown_in_light_and_dark() {
    let (folder, page) = golden_page();
    let browser = Browser::find();
    for width in WIDTHS {
        for (is_dark, ground) in [(false, [255, 255, 255]), (true, [13, 17, 23])] {
            let look = Look {
                width,
                height: 3_000,
                is_dark,
            };
            let file = folder.path().join(format!("{width}-{is_dark}.png"));
            let errors = browser.screenshot(&page, look, &file);
            assert_eq!(errors, [""; 0], "{look:?}");
            let picture = Picture::read(&file);
            assert_eq!((picture.width, picture.height), (width, 3_000));
            assert_eq!(picture.corner(), ground, "{look:?}");
            // Words have edges of many shades, and bars are coloured.
            let colours = picture.colours();
            assert!(colours > 50, "{look:?}: {colours} colours are a blank page");
        }
    }
}

/// Without this the absence of errors would mean nothing.
#[test]
#[ignore = "needs a browser: cargo xtask test finds or installs one"]
fn what_is_wrong_with_a_page_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("wrong.html");
    let svg = r#"<svg viewBox="0 0 100 20"><text y="15">long</text><text x="5" y="15">words</text></svg>"#;
    let wide = "<p style=\"width: 5000px\">wide</p><script>throw new Error('broken')</script>";
    let wrong =
        format!("<!doctype html><body><img src=\"http://backend.invalid/it.png\">{svg}{wide}");
    probe(&wrong, 390, &page);
    let (document, errors) = Browser::find().document(&page, DESK);
    let errors = errors.join("\n");
    assert!(errors.contains("broken"), "{errors}");
    assert_eq!(told(&document, "loads"), "http://backend.invalid/it.png");
    assert_eq!(told(&document, "faults"), "long is on words");
    assert!(told(&document, "width").parse::<u32>().unwrap() >= 5_000);
}
