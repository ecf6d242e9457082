//! Where a policy is kept, from the name that explanations call it by (`iam::collect` gives the names).

use super::change::Holder;

/// Where a caller's policy is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Home<'n> {
    /// `inline policy "invoke" of role "apigw-exec"`.
    Inline { holder: Holder, name: &'n str, policy: &'n str },
    /// A managed policy of the customer.
    Managed(&'n str),
    /// A managed policy of AWS, which nobody can change.
    Aws(&'n str),
}

pub(crate) fn of(name: &str) -> Option<Home<'_>> {
    if let Some(arn) = name.split(' ').next().filter(|arn| arn.starts_with("arn:")) {
        let owned = arn.split(':').nth(4) != Some("aws");
        return Some(if owned { Home::Managed(arn) } else { Home::Aws(arn) });
    }
    // Names of policies and entities hold no quotation marks.
    let mut parts = name.strip_prefix("inline policy \"")?.split('"');
    let (policy, of, entity) = (parts.next()?, parts.next()?, parts.next()?);
    let holder = match of.trim() {
        "of user" => Holder::User,
        "of role" => Holder::Role,
        "of group" => Holder::Group,
        _ => return None,
    };
    Some(Home::Inline { holder, name: entity, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_where_the_policy_is_kept() {
        assert_eq!(
            of("inline policy \"invoke\" of role \"apigw-exec\""),
            Some(Home::Inline { holder: Holder::Role, name: "apigw-exec", policy: "invoke" })
        );
        assert_eq!(
            of("arn:aws:iam::222222222222:policy/x"),
            Some(Home::Managed("arn:aws:iam::222222222222:policy/x"))
        );
        assert_eq!(
            of("arn:aws:iam::aws:policy/X (content unknown)"),
            Some(Home::Aws("arn:aws:iam::aws:policy/X"))
        );
        assert_eq!(of("session policy"), None);
    }
}
