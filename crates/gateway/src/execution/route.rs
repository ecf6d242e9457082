//! Which resource and method a path goes to: static parts before `{x}` before `{proxy+}`, per method.
//!
//! The tree is walked most specific branch first, and a resource that has neither the verb nor `ANY` does not end the
//! walk: `OPTIONS /test` goes to `/{proxy+}` when `/test` has only `POST`
//! (recording TestProxyRouting::test_proxy_routing_with_hardcoded_resource_sibling).

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

/// Paths with more parts than this match nothing but a greedy resource.
const MAX_DEPTH: usize = 64;

#[derive(Default)]
struct Node {
    fixed: HashMap<Box<str>, usize, RandomState>,
    variable: Option<usize>,
    greedy: Option<usize>,
    /// Verbs and what they go to.
    methods: Vec<(Box<str>, usize)>,
    any: Option<usize>,
    /// The template of the resource that ends here.
    template: Option<Box<str>>,
}

/// The paths of a deployment.
pub(super) struct Routes {
    nodes: Vec<Node>,
}

/// A match: what was given to [`Routes::insert`], and where the path's variables are, in the template's order.
#[derive(Debug, PartialEq)]
pub(super) struct Match {
    pub target: usize,
    pub variables: Vec<Range<usize>>,
}

impl Routes {
    pub fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    /// Adds a resource, and with `method` (a verb or `ANY`) what it goes to.
    pub fn insert(&mut self, template: &str, method: Option<(&str, usize)>) {
        let mut at = 0;
        for part in template.split('/').filter(|p| !p.is_empty()) {
            let slot = if part.starts_with('{') && part.ends_with("+}") {
                self.nodes[at].greedy
            } else if part.starts_with('{') {
                self.nodes[at].variable
            } else {
                self.nodes[at].fixed.get(part).copied()
            };
            at = slot.unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                let node = &mut self.nodes[at];
                if part.starts_with('{') && part.ends_with("+}") {
                    node.greedy = Some(new);
                } else if part.starts_with('{') {
                    node.variable = Some(new);
                } else {
                    node.fixed.insert(part.into(), new);
                }
                new
            });
        }
        let node = &mut self.nodes[at];
        node.template = Some(template.into());
        match method {
            Some(("ANY", target)) => node.any = Some(target),
            Some((verb, target)) => node.methods.push((verb.into(), target)),
            None => {}
        }
    }

    /// What `method path` goes to. `path` begins with one slash.
    pub fn find(&self, path: &str, method: &str) -> Option<Match> {
        let mut variables = Vec::new();
        let target = self.walk(0, path, 0, 0, &mut variables, &|node: &Node| {
            node.methods.iter().find(|(verb, _)| **verb == *method).map(|(_, t)| *t).or(node.any)
        })?;
        Some(Match { target, variables })
    }

    /// The resource whose path matches, whatever its methods: its template and methods.
    pub fn find_path(&self, path: &str) -> Option<(String, Vec<String>)> {
        self.walk(0, path, 0, 0, &mut Vec::new(), &|node: &Node| {
            let template = node.template.as_deref()?;
            let mut methods: Vec<String> = node.methods.iter().map(|(verb, _)| verb.to_string()).collect();
            methods.extend(node.any.map(|_| "ANY".to_owned()));
            Some((template.to_owned(), methods))
        })
    }

    /// Every resource's template.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|n| n.template.as_deref())
    }

    /// `from` is where the next part begins, or the path's end or beyond.
    fn walk<T>(
        &self,
        at: usize,
        path: &str,
        from: usize,
        depth: usize,
        variables: &mut Vec<Range<usize>>,
        accept: &impl Fn(&Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.nodes.get(at)?;
        let rest = path.get(from..).unwrap_or("");
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let start = path.len() - rest.len();
        if rest.is_empty() {
            return accept(node);
        }
        let part = rest.split('/').next().unwrap_or(rest);
        let end = start + part.len();
        if !part.is_empty() && depth < MAX_DEPTH {
            if let Some(next) = node.fixed.get(part)
                && let Some(found) = self.walk(*next, path, end, depth + 1, variables, accept)
            {
                return Some(found);
            }
            if let Some(next) = node.variable {
                let mark = variables.len();
                variables.push(start..end);
                if let Some(found) = self.walk(next, path, end, depth + 1, variables, accept) {
                    return Some(found);
                }
                variables.truncate(mark);
            }
        }
        let greedy = node.greedy.and_then(|n| self.nodes.get(n))?;
        let found = accept(greedy)?;
        // The slash at the end belongs to the path, not to the variable
        // (recording test_lambda_aws_proxy_integration, invocation-payload-with-trailing-slash).
        variables.push(start..start + rest.trim_end_matches('/').len());
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(of: &[(&str, &str)]) -> Routes {
        let mut routes = Routes::new();
        for (i, (method, template)) in of.iter().enumerate() {
            routes.insert(template, Some((method, i)));
        }
        routes
    }

    #[track_caller]
    fn goes_to(routes: &Routes, request: &str, expected: Option<usize>) {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(routes.find(path, method).map(|m| m.target), expected, "{request}");
    }

    #[test]
    fn static_before_variable_before_greedy() {
        let r = routes(&[("GET", "/users/{id}"), ("GET", "/users/me"), ("GET", "/{proxy+}"), ("GET", "/")]);
        goes_to(&r, "GET /users/me", Some(1));
        goes_to(&r, "GET /users/7", Some(0));
        goes_to(&r, "GET /users/7/x", Some(2));
        goes_to(&r, "GET /users", Some(2));
        goes_to(&r, "GET /", Some(3));
    }

    #[test]
    fn exact_method_before_any() {
        let r = routes(&[("ANY", "/a"), ("GET", "/a")]);
        goes_to(&r, "GET /a", Some(1));
        goes_to(&r, "POST /a", Some(0));
    }

    #[test]
    fn a_resource_without_the_method_leaves_the_call_to_a_less_specific_one() {
        // TestProxyRouting::test_proxy_routing_with_hardcoded_resource_sibling
        let r = routes(&[("POST", "/test"), ("ANY", "/test/any"), ("OPTIONS", "/{proxy+}")]);
        goes_to(&r, "OPTIONS /test", Some(2));
        goes_to(&r, "POST /test", Some(0));
        goes_to(&r, "OPTIONS /test/any", Some(1));
        goes_to(&r, "GET /test/any", Some(1));
        goes_to(&r, "GET /test", None);
    }

    #[test]
    fn greedy_needs_a_part() {
        let r = routes(&[("ANY", "/{proxy+}")]);
        goes_to(&r, "GET /", None);
    }

    #[test]
    fn variables_are_spans_of_the_path() {
        let r = routes(&[("GET", "/a/{x}/b/{y+}"), ("GET", "/{proxy+}")]);
        let path = "/a/1%2B/b/c//d/";
        let m = r.find(path, "GET").unwrap();
        let values: Vec<_> = m.variables.iter().map(|v| &path[v.clone()]).collect();
        assert_eq!(values, ["1%2B", "c//d"]);
        let path = "/a/1/c";
        let m = r.find(path, "GET").unwrap();
        assert_eq!((m.target, &path[m.variables[0].clone()], m.variables.len()), (1, "a/1/c", 1));
    }

    #[test]
    fn a_slash_at_the_end_is_ignored() {
        let r = routes(&[("GET", "/users/{id}")]);
        goes_to(&r, "GET /users/7/", Some(0));
        goes_to(&r, "GET /users//7", None);
    }

    #[test]
    fn the_matching_path_is_known_without_the_method() {
        let r = routes(&[("POST", "/users/{id}"), ("ANY", "/users/{id}")]);
        assert_eq!(
            r.find_path("/users/1"),
            Some(("/users/{id}".to_owned(), vec!["POST".to_owned(), "ANY".to_owned()]))
        );
    }
}
