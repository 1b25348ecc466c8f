//! What a person reads when the server has started: where it is, how to get in, what to try.

/// The greeting, ready to be pasted from.
pub(crate) fn text(url: &str, flag: &str) -> String {
    let program = program();
    format!(
        "guildhall {version} listens on {url}

  get a key          KEY=$({program} key create {flag})
  try it             curl --header \"authorization: Bearer $KEY\" --form name=Acme {url}/organizations
  read on            {url}/docs
  stop               Ctrl-C

",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// This program as it was called, so that what is pasted finds it.
pub(crate) fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains('/'));
    called.map_or_else(|| "guildhall".to_owned(), |name| quoted(&name))
}

/// A word as a POSIX shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:=@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_one_word() {
        assert_eq!(quoted("./guildhall-data"), "./guildhall-data");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }
}
