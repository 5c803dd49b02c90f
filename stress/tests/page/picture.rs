//! A picture that a browser took.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// A picture, with three bytes for each of its points.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    points: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a PNG file.
    pub(crate) fn read(file: &Path) -> Self {
        let file = BufReader::new(File::open(file).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut bytes).unwrap();
        let samples = frame.color_type.samples();
        assert!(samples >= 3, "it has colours: {:?}", frame.color_type);
        let points = bytes[..frame.buffer_size()].chunks(samples);
        Self {
            width: frame.width,
            height: frame.height,
            points: points.map(|it| [it[0], it[1], it[2]]).collect(),
        }
    }

    /// The colour of the first point.
    pub(crate) fn corner(&self) -> [u8; 3] {
        self.points[0]
    }

    /// How many colours there are.
    pub(crate) fn colours(&self) -> usize {
        self.points.iter().collect::<HashSet<_>>().len()
    }
}
