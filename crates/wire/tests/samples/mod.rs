//! Values for every shape, walked from the models: the same ones in every run.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use wire::{Kind, Location, Member, Model, Operation, Protocol, Shape, ShapeId};

/// How much of an input or output is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Every member, two entries in every list and map.
    Full,
    /// The members that the model requires, and those in the path.
    Required,
}

/// A structure nested deeper than this gets its required members only: some shapes contain themselves.
const DEEP: usize = 10;

/// Text that is awkward for every format: blanks, markup, percent signs, slashes, other scripts, line breaks.
const AWKWARD: &str = "a b+c%20&<d>\"e\"/f?g=h;ü漢😀'\r\n\t.";

struct Filler {
    model: &'static Model,
    amount: Amount,
    count: usize,
}

/// An input of an operation and, where one blob is the whole body, that body.
pub fn input(op: &Operation, amount: Amount) -> (Map<String, Value>, Bytes) {
    sample(op, op.input, amount)
}

/// An output of an operation and, where one blob is the whole body, that body.
pub fn output(op: &Operation, amount: Amount) -> (Map<String, Value>, Bytes) {
    sample(op, op.output, amount)
}

fn sample(op: &Operation, shape: Option<ShapeId>, amount: Amount) -> (Map<String, Value>, Bytes) {
    let mut filler = Filler { model: op.model(), amount, count: 0 };
    let Some(shape) = shape.map(|id| op.model().shape(id)) else { return (Map::new(), Bytes::new()) };
    let mut object = filler.members(shape, 0);
    let is_stream = |m: &&Member| op.model().shape(m.shape).is_event_stream();
    let blob = shape.payload().filter(|p| matches!(op.model().shape(p.shape).kind, Kind::Blob));
    let whole = blob.or(shape.members().iter().find(is_stream));
    let payload = whole.map_or(Bytes::new(), |p| {
        object.remove(p.name);
        Bytes::from_static(b"{\"any\": \"bytes\x00\xff\"}")
    });
    (object, payload)
}

impl Filler {
    fn members(&mut self, shape: &'static Shape, depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        for member in shape.members() {
            // A response always has a content type.
            let fixed = matches!(member.location, Location::Uri | Location::Status)
                || member.wire_name == "Content-Type";
            let wanted = self.amount == Amount::Full && depth < DEEP;
            if (!member.required && !wanted && !fixed) || self.model.shape(member.shape).is_event_stream() {
                continue;
            }
            let mut value = self.member(member, depth);
            // A form cannot say that a structure is there and empty.
            if self.model.protocol == Protocol::Query && value == json!({}) {
                let amount = std::mem::replace(&mut self.amount, Amount::Full);
                value = self.member(member, depth);
                self.amount = amount;
            }
            object.insert(member.name.to_owned(), value);
        }
        object
    }

    fn member(&mut self, member: &Member, depth: usize) -> Value {
        let shape = self.model.shape(member.shape);
        match (member.location, &shape.kind) {
            (Location::Status, _) => json!(202),
            // Headers hold visible ASCII.
            (Location::Header, Kind::String) if shape.choices().next().is_none() => {
                self.count += 1;
                json!(format!("text/{}; a=\"b\" c", self.count))
            }
            _ => self.value(member.shape, depth + 1),
        }
    }

    fn value(&mut self, id: ShapeId, depth: usize) -> Value {
        let model = self.model;
        let shape = model.shape(id);
        self.count += 1;
        let count = self.count;
        match &shape.kind {
            Kind::Structure { .. } => Value::Object(self.members(shape, depth)),
            Kind::List(_) | Kind::Map { .. } if depth > DEEP + 2 => match shape.kind {
                Kind::List(_) => json!([]),
                _ => json!({}),
            },
            Kind::List(item) => Value::Array((0..2).map(|_| self.value(*item, depth + 1)).collect()),
            Kind::Map { key, value } => {
                let mut choices = model.shape(*key).choices();
                let keys: Vec<String> =
                    (0..2).map(|n| choices.next().map_or(format!("key {n}&ü"), str::to_owned)).collect();
                keys.into_iter().map(|key| (key, self.value(*value, depth + 1))).collect()
            }
            // IAM's clients decode these as JSON.
            Kind::String if shape.name == "policyDocumentType" => {
                json!(format!("{{\"Version\": \"2012-10-17\", \"Id\": \"ü+%20 & {count}\"}}"))
            }
            Kind::String => match shape.choices().next() {
                Some(choice) => json!(choice),
                None => json!(format!("{AWKWARD}{count}")),
            },
            Kind::Integer => json!(i32::MAX - i32::try_from(count).unwrap_or(0)),
            Kind::Long => json!((1_i64 << 53) - i64::try_from(count).unwrap_or(0)),
            Kind::Double => json!(0.5 + count as f64),
            Kind::Boolean => json!(count & 1 == 0),
            Kind::Blob => {
                json!(base64::engine::general_purpose::STANDARD.encode([0, 255, (count % 256) as u8, 10]))
            }
            Kind::Timestamp => json!(1_795_424_400 + count),
        }
    }
}
