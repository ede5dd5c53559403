"""Forms: what a text is like, whatever it says; fixed patterns, so that nothing an attacker wrote ever becomes one."""

from __future__ import annotations

FORMS: dict[str, dict[str, str]] = {  # the more general, the earlier, and a little the cheaper
    "CommandLine": {
        r"\b\d{1,3}(\.\d{1,3}){3}[:/ ]+\d{2,5}\b": "an address and a port",
        r"\b\d{1,3}(\.\d{1,3}){3}\b": "an address",
        r"/dev/(tcp|udp)/": "a connection by the shell",
        r"\|\s*\S*sh\b": "a pipe into a shell",
        r"\|\s*\S*(python|perl|ruby|php|node|lua|awk)": "a pipe into an interpreter",
        r"https?://": "a URL",
        r"[A-Za-z0-9+/]{40,}={0,2}": "a long encoded text",
        r"(\\x[0-9a-fA-F]{2}){3}": "escaped bytes",
        r"\s-[a-z]*[ce]\s+\S*[ \"';(|]": "code on the command line",
        r"(^|[\s/])\.[A-Za-z0-9_-]+": "a hidden name",
        r"/(tmp|var/tmp|dev/shm|run)/": "a folder that all may write",
        r"\$\{?IFS|\$\(|`": "a substitution",
        r">>?\s*/": "a file written by the shell",
        r"[;&|]\s*\S+.*[;&|]": "a chain of commands",
        r"(\.\./){2,}": "a climb to other folders",
        r".{200,}": "200 characters or more",
    },
    "path": {
        r"/\.[^/]+$": "a hidden name",
        r"^/(tmp|var/tmp|dev/shm|run|run/shm|var/run)/": "a folder that all may write",
        r"^/(usr/)?(local/)?s?bin/": "a folder of programs",
        r"^/(home|root)/": "a person's folder",
        r"/[^/]*\d{3,}[^/]*$": "a numbered name",
    },
    "query": {
        r"(;|%3[bB]|\||%7[cC]|`|%60|\$\(|%24%28|%24\(|&&|%26%26)(\s|\+|%20|\(|%28)*[a-z][a-z0-9_./-]+(\s|\+|%20)": (
            "an order to a shell, with an argument"
        ),
        r"\d{1,3}(\.\d{1,3}){3}": "an address",
        r"https?(:|%3[aA])(/|%2[fF]){2}": "a URL",
        r"(\"|%22|'|%27)(\)|%29)?(\s|\+|%20)*(;|%3[bB]|\||%7[cC]|&&|%26%26)": "a text closed and an order after it",
        r"(/|%2[fF])(bin|etc|tmp|dev|usr|proc)(/|%2[fF])": "a path of the system",
        r"(\.\./|%2[eE]%2[eE]|\.\.%2[fF])": "a climb to other folders",
        r"(;|%3[bB]|\||%7[cC]|`|%60|\$\(|%24%28|%24\()": "what gives orders to a shell",
        r"('|%27|\"|%22).*(\s|\+|%20|=|%3[dD])": "a quote that ends a text",
        r"(<|%3[cC]).*(>|%3[eE])": "markup",
        r"=.{120,}": "a long value",
    },
    "dns": {
        r"^[^.]{24,}\.": "a label of 24 letters or more",
        r"^[^.]{40,}\.": "a label of 40 letters or more",
        r"^[0-9a-fA-F]{16,}\.": "a label of hex digits",
        r"^[A-Z2-7a-z0-9_-]{20,}\.": "a label of encoded text",
        r"^[^.]*\d[^.]*\d[^.]*\d[^.]*\d[^.]*\.": "a label with many digits",
        r"^([^.]+\.){5,}": "many labels",
    },
}
VAGUE = {r"=.{120,}", r".{200,}"}  # forms that say little; two bits dearer
IN_WORDS = {form: words for forms in FORMS.values() for form, words in forms.items()}
