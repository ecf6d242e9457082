//! Calls through a function URL, which two actions have to allow (Lambda Developer Guide, "Control access to Lambda
//! function URLs": since October 2025). Whoever lacks the first is told of the second too.

use policy::{Context, Request};

/// The action that is asked first.
pub(crate) const INVOKE: &str = "lambda:InvokeFunctionUrl";
/// The key that tells the URL's `AuthType`.
pub(crate) const AUTH: &str = "lambda:FunctionUrlAuthType";
/// The key that tells calls through a URL from others.
pub(crate) const VIA: &str = "lambda:InvokedViaFunctionUrl";

/// Whether the call comes through a URL and asks for `lambda:InvokeFunction`.
pub(crate) fn is_via(request: &Request<'_>) -> bool {
    request.context.get(VIA).and_then(|values| values.first()).is_some_and(|value| value == "true")
}

/// The context of the second question, when `request` is the first.
pub(crate) fn second(request: &Request<'_>) -> Option<Context> {
    (request.action == INVOKE).then(|| {
        let mut context = Context::new();
        for (key, values) in request.context.iter() {
            if ![AUTH, "lambda:FunctionArn"].iter().any(|first| key.eq_ignore_ascii_case(first)) {
                context.set_all(key.to_owned(), values.to_vec());
            }
        }
        context.set(VIA, "true");
        context
    })
}
