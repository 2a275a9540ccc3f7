//! Urlencoded bodies as npm's `qs` 6.17 reads them for `body-parser` 2: `a[b]=1&a[c][]=2`.

use indexmap::IndexMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::json;

/// Most parameters of a body.
const PARAMETERS_MAX: usize = 1_000;

/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 32;

/// Lists longer than this become objects, unless the body has more parameters.
const LIST_MIN: usize = 100;

/// A urlencoded body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// More than 1,000 parameters.
    #[error("too many parameters")]
    TooManyParameters,
    /// Brackets nested deeper than 32.
    #[error("input exceeded the depth")]
    TooDeep,
}

/// One step of a name.
#[derive(Clone, Copy)]
struct Segment<'a> {
    name: &'a str,
    is_bracketed: bool,
}

/// A value while it is put together.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    List(List),
    Object(Object),
}

/// Holes are closed at the end.
#[derive(Clone, Debug, Default)]
struct List {
    items: Vec<Option<Node>>,
    /// Made of an object and a text that met under one name: a further text is appended.
    is_conflict: bool,
}

#[derive(Clone, Debug, Default)]
struct Object {
    members: IndexMap<String, Node>,
    /// For a list that grew too long: its last index.
    last_index: Option<usize>,
    /// For a list of an object and a text: its last index.
    last_conflict: Option<usize>,
}

/// Reads a urlencoded body (UTF-8) into an object; `__proto__` is dropped.
///
/// # Errors
///
/// [`FormError`].
pub fn parse_form(body: &str) -> Result<Value, FormError> {
    let parameters = body.split('&').count();
    if parameters > PARAMETERS_MAX {
        return Err(FormError::TooManyParameters);
    }
    let limit = LIST_MIN.max(parameters);
    let mut root = Object::default();
    for (name, value) in pairs(body, limit) {
        let segments = segments(&name)?;
        if segments.is_empty() {
            continue;
        }
        match nest(&segments, value, limit) {
            Node::Object(object) => root = root.merge(object, limit),
            Node::List(list) => root = root.merge(list.into_object(), limit),
            Node::Text(_) => {}
        }
    }
    Ok(Value::Object(root.into_json()))
}

/// Names, decoded, with their values; a repeated name has a list.
fn pairs(body: &str, limit: usize) -> Vec<(String, Node)> {
    let body = replace_escaped(&replace_escaped(body, "%5b", "["), "%5d", "]");
    let mut pairs: IndexMap<String, Node> = IndexMap::new();
    for part in body.split('&') {
        let equals = part.find("]=").map(|at| at + 1).or_else(|| part.find('='));
        let (name, value) = equals.map_or((part, ""), |at| (&part[..at], &part[at + 1..]));
        let name = decode(name);
        let value = Node::Text(decode(value));
        match pairs.get_mut(&name) {
            Some(held) => {
                let first = std::mem::replace(held, Node::Text(String::new()));
                *held = first.combine(value, limit);
            }
            None => {
                pairs.insert(name, value);
            }
        }
    }
    pairs.sort_by_key(|name, _| json::index_key(name).unwrap_or(u32::MAX));
    pairs.into_iter().collect()
}

/// `a[b][]` as `a`, `[b]`, `[]`; brackets within brackets belong to the segment, and an unclosed
/// bracket to the name.
fn segments(name: &str) -> Result<Vec<Segment<'_>>, FormError> {
    let first = name.find('[').unwrap_or(name.len());
    let mut segments = Vec::new();
    if first > 0 {
        segments.push(Segment {
            name: &name[..first],
            is_bracketed: false,
        });
    }
    let mut open = Some(first).filter(|first| *first < name.len());
    let mut depth = 0;
    while let Some(start) = open {
        if depth == DEPTH_MAX {
            return Err(FormError::TooDeep);
        }
        let Some(len) = balanced(&name[start..]) else {
            segments.push(Segment {
                name: &name[start..],
                is_bracketed: true,
            });
            break;
        };
        let end = start + len;
        segments.push(Segment {
            name: &name[start + 1..end - 1],
            is_bracketed: true,
        });
        depth += 1;
        open = name[end..].find('[').map(|at| end + at);
    }
    Ok(segments)
}

/// Length of the bracket group at the start, when it is closed.
fn balanced(text: &str) -> Option<usize> {
    let mut level = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => level += 1,
            b']' if level == 1 => return Some(at + 1),
            b']' => level -= 1,
            _ => {}
        }
    }
    None
}

/// Puts a value under its segments, innermost first.
fn nest(segments: &[Segment<'_>], value: Node, limit: usize) -> Node {
    segments.iter().rev().fold(value, |leaf, segment| {
        if segment.is_bracketed && segment.name.is_empty() {
            return match leaf {
                Node::Object(object) if object.last_index.is_some() => Node::Object(object),
                leaf => Node::List(List::default()).combine(leaf, limit),
            };
        }
        let index = list_index(segment.name).filter(|_| segment.is_bracketed);
        if let Some(index) = index.filter(|index| *index < limit) {
            let mut items = vec![None; index];
            items.push(Some(leaf));
            return Node::List(List {
                items,
                is_conflict: false,
            });
        }
        let mut object = Object {
            last_index: index,
            ..Object::default()
        };
        if segment.name != "__proto__" {
            object.members.insert(segment.name.to_owned(), leaf);
        }
        Node::Object(object)
    })
}

fn list_index(text: &str) -> Option<usize> {
    let index: usize = text.parse().ok()?;
    (index.to_string() == text).then_some(index)
}

// === impl Node ===

impl Node {
    /// `utils.combine`: joins lists and single values into one list.
    fn combine(self, other: Self, limit: usize) -> Self {
        match self {
            Self::Object(mut object) if object.last_index.is_some() => {
                for item in other.into_items() {
                    object.push(item);
                }
                Self::Object(object)
            }
            first => {
                let mut items = first.into_slots();
                items.extend(other.into_slots());
                List {
                    items,
                    is_conflict: false,
                }
                .limited(limit)
            }
        }
    }

    /// `utils.merge`: lays `source` over this value.
    fn merge(self, source: Self, limit: usize) -> Self {
        match (self, source) {
            (target, Self::Text(text)) if text.is_empty() => target,
            (Self::List(target), Self::Text(text)) => target.append(text, limit),
            (Self::Object(mut target), Self::Text(text)) => {
                if target.last_index.is_some() {
                    target.push(Self::Text(text));
                    return Self::Object(target);
                }
                if let Some(last) = target.last_conflict {
                    target.last_conflict = Some(last + 1);
                    target
                        .members
                        .insert((last + 1).to_string(), Self::Text(text));
                    return Self::Object(target);
                }
                let items = vec![Some(Self::Object(target)), Some(Self::Text(text))];
                Self::List(List {
                    items,
                    is_conflict: true,
                })
            }
            (Self::Text(text), Self::Object(source)) if source.last_index.is_some() => {
                Self::Object(source.shifted(Self::Text(text)))
            }
            (Self::Text(text), source) => {
                let mut items = vec![Some(Self::Text(text))];
                items.extend(source.into_slots());
                List {
                    items,
                    is_conflict: false,
                }
                .limited(limit)
            }
            (Self::List(target), Self::List(source)) => target.merge(source, limit),
            (Self::List(target), Self::Object(source)) => {
                Self::Object(target.into_object().merge(source, limit))
            }
            (Self::Object(target), Self::Object(source)) => {
                Self::Object(target.merge(source, limit))
            }
            (Self::Object(target), Self::List(source)) => {
                Self::Object(target.merge(source.into_object(), limit))
            }
        }
    }

    fn into_slots(self) -> Vec<Option<Self>> {
        match self {
            Self::List(list) => list.items,
            node => vec![Some(node)],
        }
    }

    fn into_items(self) -> Vec<Self> {
        self.into_slots().into_iter().flatten().collect()
    }

    fn into_json(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::List(list) => list
                .items
                .into_iter()
                .flatten()
                .map(Self::into_json)
                .collect(),
            Self::Object(object) => Value::Object(object.into_json()),
        }
    }
}

// === impl List ===

impl List {
    fn limited(self, limit: usize) -> Node {
        if self.items.len() <= limit {
            return Node::List(self);
        }
        let last = self.items.len() - 1;
        let mut object = self.into_object();
        object.last_index = Some(last);
        Node::Object(object)
    }

    fn append(mut self, text: String, limit: usize) -> Node {
        let held = self.items.iter().flatten().count();
        self.items.push(Some(Node::Text(text)));
        if held < limit {
            return Node::List(self);
        }
        let last = self.items.len() - 1;
        let mut object = self.into_object();
        object.last_index = Some(last);
        Node::Object(object)
    }

    fn merge(mut self, source: Self, limit: usize) -> Node {
        for (index, item) in source.items.into_iter().enumerate() {
            let Some(item) = item else { continue };
            if self.items.len() <= index {
                self.items.resize(index + 1, None);
            }
            match self.items[index].take() {
                None => self.items[index] = Some(item),
                Some(Node::Text(held)) => {
                    self.items[index] = Some(Node::Text(held));
                    self.items.push(Some(item));
                }
                Some(held) if matches!(item, Node::Text(_)) => {
                    self.items[index] = Some(held);
                    self.items.push(Some(item));
                }
                Some(held) => self.items[index] = Some(held.merge(item, limit)),
            }
        }
        if self.items.iter().flatten().count() <= limit {
            return Node::List(self);
        }
        let last = self.items.len() - 1;
        let mut object = self.into_object();
        object.last_index = Some(last);
        Node::Object(object)
    }

    fn into_object(self) -> Object {
        let last = self.items.len().checked_sub(1).filter(|_| self.is_conflict);
        let members = self
            .items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| Some((index.to_string(), item?)))
            .collect();
        Object {
            members,
            last_index: None,
            last_conflict: last,
        }
    }
}

// === impl Object ===

impl Object {
    /// Adds an item to a list that grew too long.
    fn push(&mut self, item: Node) {
        let index = self.last_index.map_or(0, |last| last + 1);
        self.last_index = Some(index);
        self.members.insert(index.to_string(), item);
    }

    /// The list with `first` before its items.
    fn shifted(self, first: Node) -> Self {
        let mut members = IndexMap::from([("0".to_owned(), first)]);
        for (name, item) in self.members {
            let index = name
                .parse::<usize>()
                .map_or(name, |index| (index + 1).to_string());
            members.insert(index, item);
        }
        Self {
            members,
            last_index: self.last_index.map(|last| last + 1),
            last_conflict: None,
        }
    }

    fn merge(mut self, source: Self, limit: usize) -> Self {
        let source_last = source.last_index;
        for (name, item) in source.members {
            let index = list_index(&name);
            let merged = match self.members.get_mut(&name) {
                Some(held) => {
                    let held = std::mem::replace(held, Node::Text(String::new()));
                    held.merge(item, limit)
                }
                None => item,
            };
            self.members.insert(name, merged);
            if let (None, Some(last)) = (self.last_index, source_last) {
                let indexes = self.members.keys().filter_map(|name| list_index(name));
                self.last_index = indexes.chain([last]).max();
            }
            self.last_index = self.last_index.map(|last| last.max(index.unwrap_or(0)));
            self.last_conflict = self.last_conflict.map(|last| last.max(index.unwrap_or(0)));
        }
        self
    }

    fn into_json(self) -> Map<String, Value> {
        let members = self.members.into_iter();
        let mut object = members
            .map(|(name, node)| (name, node.into_json()))
            .collect();
        json::order_members(&mut object);
        object
    }
}

fn replace_escaped(text: &str, escaped: &str, by: &str) -> String {
    text.replace(escaped, by)
        .replace(&escaped.to_uppercase(), by)
}

/// Decodes whole or not at all, as `decodeURIComponent`.
fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let malformed = text.match_indices('%').any(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if malformed {
        return text;
    }
    let decoded = percent_decode_str(&text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned);
    decoded.unwrap_or(text)
}
