//! Parameters: defaults, coercion, validation, and how they come back in `href`.

use super::both_ways;
use crate::request::Case;

const DECLARED: [&str; 28] = [
    "",
    "?s=1&n=abc&b=true&md=k",
    "?s=1&n=5&b=yes&md=k",
    "?s=1&n=5&b=false&md=k&e=c",
    "?n=x&b=1",
    "?s=&md=k&n=",
    "?s=a&s=b&md=k",
    "?s=1&md=k&e=a",
    "?s=1&md=k&e=A",
    "?s=1&md=k&d=8",
    "?s=1&md=k&d=",
    "?s=1&md=k&b=TRUE",
    "?s=1&md=k&b=",
    "?s=1&md=k&n=1&n=2",
    "?s=1&md=k&n=0x10",
    "?s=1&md=k&n=1e3",
    "?s=1&md=k&n=%20%207%20",
    "?s=1&md=k&n=Infinity",
    "?s=1&md=k&n=-0",
    "?s=1&md=k&n=1_000",
    "?s=1&md=k&n=.5",
    "?s=1&md=k&n=5.",
    "?s=1&md=k&b=true&b=false",
    "?s=1&md=k&other=1",
    "?S=1&md=k",
    "?s=%F0%9F%98%80&md=k",
    "?s&md",
    "?s=1&md=k&e=",
];

const FREE: [&str; 30] = [
    "?a=b%20c&d=1",
    "?a=b+c",
    "?a=1&a=2&a=3",
    "?a",
    "?=x",
    "?&&a=1&&",
    "?a=1;b=2",
    "?bar[x]=1",
    "?a=%ZZ",
    "?a=%E4",
    "?__proto__=1&b=2",
    "?constructor=1",
    "?toString=1",
    "?2=b&1=a&x=c",
    "?a=1&b=&c",
    "?q=%26%3D%3F%23",
    "?u=%C3%A9%E2%82%AC",
    "?__oc_Retry=0&a=1",
    "?t=false&count=3",
    "?t=no",
    "?count=abc",
    "?word=%00",
    "?t=&count=&word=",
    "?a=%22%3E%3Cscript%3E",
    "?a='()*!~",
    "?a=%2B%2F",
    "?long=0123456789012345678901234567890123456789",
    "?a%20b=1",
    "?%22%3E%3Cb%3E=1",
    "?a=1&a=",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for query in DECLARED {
        cases.push(Case::get(&format!("/params{query}")).unrendered());
    }
    for query in ["?s=1&n=abc&b=true&md=k", "?s=%3Cb%3E%22&md=k&n=5", ""] {
        cases.push(Case::get(&format!("/params{query}")));
        cases.extend(both_ways(&format!("/params-es6{query}")));
    }
    for query in FREE {
        cases.push(Case::get(&format!("/free-params{query}")).unrendered());
    }
    for query in [
        "?a=b%20c&d=1",
        "?a=1&a=2",
        "?%22%3E%3Cb%3E=1",
        "?a=%22%3E%3Cscript%3E",
    ] {
        cases.push(Case::get(&format!("/free-params/1.0.0{query}")));
        cases.push(Case::get(&format!("/hello-handlebars/1.x.x{query}")).unrendered());
    }
    cases.extend(both_ways("/hello-handlebars?name=a&name=b"));
    cases
}
