use std::sync::OnceLock;

use regex::Regex;

use crate::service::Service;
use crate::uri::Template;

/// How a service writes requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Paths, query strings, headers and JSON bodies.
    RestJson,
    /// Form fields in, XML out.
    Query,
    /// JSON in and out; the operation stands in `X-Amz-Target`.
    Json,
}

/// Where a shape stands in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub(crate) u32);

/// One service's operations and shapes.
#[derive(Debug)]
pub struct Model {
    /// Whose model this is.
    pub service: Service,
    /// How it is written.
    pub protocol: Protocol,
    /// For example `2015-03-31`.
    pub api_version: &'static str,
    /// The first label of the endpoint's host name.
    pub endpoint_prefix: &'static str,
    /// The service's name in a signature's scope.
    pub signing_name: &'static str,
    /// The service's name for people, for example `CloudWatch Logs`.
    pub service_id: &'static str,
    /// The version in the content type `application/x-amz-json-…`.
    pub json_version: &'static str,
    /// What stands before the dot in `X-Amz-Target`.
    pub target_prefix: Option<&'static str>,
    /// The namespace of query answers.
    pub namespace: Option<&'static str>,
    /// Sorted by name.
    pub operations: Vec<Operation>,
    pub(crate) shapes: Vec<Shape>,
    /// Positions in `operations`, the most specific URI first.
    pub(crate) routes: Vec<u32>,
}

impl Model {
    pub(crate) fn empty(service: Service) -> Self {
        Self {
            service,
            protocol: service.protocol(),
            api_version: "",
            endpoint_prefix: "",
            signing_name: service.name(),
            service_id: "",
            json_version: "1.1",
            target_prefix: None,
            namespace: None,
            operations: Vec::new(),
            shapes: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// The shape of that number. A [`ShapeId`] belongs to the model it was read from.
    #[must_use]
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// Every shape, in the order of the model.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.shapes.iter()
    }

    /// The operation of that name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let at = self.operations.binary_search_by(|o| o.name.cmp(name)).ok()?;
        self.operations.get(at)
    }

    /// The error shape with that code (`NoSuchEntity`) or that name (`NoSuchEntityException`).
    #[must_use]
    pub fn error(&self, code: &str) -> Option<&Shape> {
        self.shapes.iter().find(|s| s.error.as_ref().is_some_and(|e| e.code == code || s.name == code))
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// For example `CreateFunction`.
    pub name: &'static str,
    /// Whose operation it is.
    pub service: Service,
    /// The HTTP method.
    pub method: &'static str,
    /// The request URI as the model writes it, for example `/2015-03-31/functions/{FunctionName}`.
    pub uri: &'static str,
    /// The HTTP status of success.
    pub status: u16,
    /// The input's structure.
    pub input: Option<ShapeId>,
    /// The output's structure.
    pub output: Option<ShapeId>,
    /// The errors that the model lists.
    pub errors: Vec<ShapeId>,
    /// No signature is asked for (STS `AssumeRoleWithWebIdentity`).
    pub anonymous: bool,
    /// AWS advises against it.
    pub deprecated: bool,
    /// What clients put before the endpoint's host name (`stream-` for live tails).
    pub host_prefix: Option<&'static str>,
    /// The members that hand out pages.
    pub pagination: Option<Pagination>,
    pub(crate) template: Template,
}

impl Operation {
    /// The model that the operation's shapes stand in.
    #[must_use]
    pub fn model(&self) -> &'static Model {
        self.service.model()
    }

    pub(crate) fn input_members(&self) -> &'static [Member] {
        self.input.map_or(&[], |id| self.model().shape(id).members())
    }

    pub(crate) fn output_members(&self) -> &'static [Member] {
        self.output.map_or(&[], |id| self.model().shape(id).members())
    }

    pub(crate) fn input_payload(&self) -> Option<&'static Member> {
        self.input.and_then(|id| self.model().shape(id).payload())
    }

    pub(crate) fn output_payload(&self) -> Option<&'static Member> {
        self.output.and_then(|id| self.model().shape(id).payload())
    }
}

/// The members of an operation that hand out pages (botocore's `paginators-1.json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pagination {
    /// The input member that takes the token.
    pub input_token: &'static str,
    /// The output member that holds the next token.
    pub output_token: &'static str,
    /// The input member that limits the page.
    pub limit: Option<&'static str>,
    /// The output member that says whether there is more (`IsTruncated`).
    pub more: Option<&'static str>,
    /// The output members that hold the items, with a bar between them; nested ones are written with dots.
    pub items: &'static str,
}

/// A type of the model.
#[derive(Debug)]
pub struct Shape {
    /// For example `FunctionName`.
    pub name: &'static str,
    /// What it is made of.
    pub kind: Kind,
    /// The least length (text, blobs, lists, maps) or value (numbers).
    pub min: Option<f64>,
    /// The greatest length or value.
    pub max: Option<f64>,
    /// The regular expression, in Java's dialect.
    pub pattern: Option<&'static str>,
    pub(crate) compiled: OnceLock<Option<Regex>>,
    pub(crate) choices: Option<&'static str>,
    /// Not to be logged or repeated in error texts.
    pub sensitive: bool,
    /// Set for errors.
    pub error: Option<ErrorTrait>,
}

impl Shape {
    /// The values of an enum, in the model's order; empty for anything else.
    pub fn choices(&self) -> impl Iterator<Item = &'static str> {
        self.choices.into_iter().flat_map(|text| text.split('|'))
    }

    /// The members of a structure; empty for anything else.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Structure { members, .. } => members,
            _ => &[],
        }
    }

    /// The member that is the whole body, if there is one.
    #[must_use]
    pub fn payload(&self) -> Option<&Member> {
        match &self.kind {
            Kind::Structure { members, payload: Some(name), .. } => members.iter().find(|m| m.name == *name),
            _ => None,
        }
    }

    /// Whether this is a stream of events, which this crate hands through as bytes.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        matches!(self.kind, Kind::Structure { event_stream: true, .. })
    }
}

/// What a shape is made of.
#[derive(Debug)]
pub enum Kind {
    /// Named members.
    Structure {
        /// In the model's order.
        members: Vec<Member>,
        /// The member that is the whole body.
        payload: Option<&'static str>,
        /// A stream of events.
        event_stream: bool,
    },
    /// Items of one shape.
    List(ShapeId),
    /// Text keys, values of one shape.
    Map {
        /// The keys' shape: constraints on text.
        key: ShapeId,
        /// The values' shape.
        value: ShapeId,
    },
    /// Text.
    String,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Long,
    /// A floating-point number.
    Double,
    /// True or false.
    Boolean,
    /// Bytes; base64 text in values.
    Blob,
    /// A point in time; seconds since 1970 as a number in values.
    Timestamp,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Its name in [`crate::Call::input`] and [`crate::Reply::output`].
    pub name: &'static str,
    /// Its name on the wire.
    pub wire_name: &'static str,
    /// Its type.
    pub shape: ShapeId,
    /// Where it travels.
    pub location: Location,
    /// Must be sent.
    pub required: bool,
    /// Clients fill it with a random value when it is absent.
    pub idempotency_token: bool,
}

/// Where a member of an input or output travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// In the path.
    Uri,
    /// In the query string.
    Query,
    /// In a header.
    Header,
    /// It is the HTTP status.
    Status,
}

/// How an error looks to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorTrait {
    /// For example `NoSuchEntity`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The service's fault, not the client's.
    pub fault: bool,
}
