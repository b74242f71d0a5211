//! What is measured: the cells of the table, and how many keys each has.
//!
//! Owns that a cell takes seconds unless it is told otherwise: a serial listing at a high latency gets
//! few keys, many requests at once get many.

/// Keys of a page.
const PAGE: u64 = 1000;
/// Pages that a cell gets for each second it may take, where nothing but the machine limits it.
const PAGES_PER_SECOND: f64 = 500.0;
/// How long a cell takes by default, in seconds, roughly.
const SECONDS: f64 = 1.5;

const HELP: &str = "\
arguments, each a value or several with commas between them:
  --shape        flat, uuid, dates, skewed, unicode (all of them)
  --concurrency  requests in flight at once (1,8,64)
  --latency      milliseconds before each answer (0,30,200)
  --objects      keys in the bucket (as many as are listed in a second or two)";

/// The values that are combined.
pub struct Choices {
    shapes: Vec<String>,
    concurrency: Vec<u64>,
    latency: Vec<u64>,
    objects: Vec<u64>,
}

/// A cell of the table.
pub struct Cell {
    /// The shape of the keys.
    pub shape: String,
    /// Keys of the bucket.
    pub objects: u64,
    /// Requests in flight at once.
    pub concurrency: u64,
    /// Milliseconds before each answer.
    pub latency: u64,
}

impl Choices {
    /// What the arguments say; the error is what to tell.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut choices = Self {
            shapes: ["flat", "uuid", "dates", "skewed", "unicode"].map(str::to_owned).to_vec(),
            concurrency: vec![1, 8, 64],
            latency: vec![0, 30, 200],
            objects: Vec::new(),
        };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else {
                return Err(HELP.to_owned());
            };
            match name.as_str() {
                "--shape" => choices.shapes = value.split(',').map(str::to_owned).collect(),
                "--concurrency" => choices.concurrency = numbers(name, value, 1)?,
                "--latency" => choices.latency = numbers(name, value, 0)?,
                "--objects" => choices.objects = numbers(name, value, 1)?,
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(choices)
    }

    /// All combinations.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for shape in &self.shapes {
            for &concurrency in &self.concurrency {
                for &latency in &self.latency {
                    let usual = [usual_objects(concurrency, latency)];
                    let objects = if self.objects.is_empty() { &usual } else { self.objects.as_slice() };
                    let cell = |&objects| Cell { shape: shape.clone(), objects, concurrency, latency };
                    cells.extend(objects.iter().map(cell));
                }
            }
        }
        cells
    }
}

impl Cell {
    /// Seconds that the round trips take where each slot sends one request behind the other.
    #[expect(clippy::cast_precision_loss, reason = "round trips and milliseconds of a run fit a double")]
    pub fn ideal(&self) -> f64 {
        let round_trips = self.objects.div_ceil(PAGE).div_ceil(self.concurrency);
        (round_trips * self.latency) as f64 / 1e3
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and positive"
)]
fn usual_objects(concurrency: u64, latency: u64) -> u64 {
    let by_latency = 1e3 * concurrency as f64 / latency.max(1) as f64;
    let pages = SECONDS * by_latency.min(PAGES_PER_SECOND);
    pages as u64 * PAGE
}

fn numbers(name: &str, value: &str, least: u64) -> Result<Vec<u64>, String> {
    let number = |text: &str| text.parse().ok().filter(|number| *number >= least);
    value.split(',').map(|text| number(text).ok_or(format!("{name}: `{text}` is no number from {least}"))).collect()
}
