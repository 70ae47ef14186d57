//! The structure of Atlassian Document Format: the content and the attributes of each node.

use super::attrs::{
    Attr::{self, Any, Bool, Color, NonEmpty, Number, Numbers, Object, OneOf, Text},
    LAYOUTS,
};

/// An attribute: its name, whether it is required, and its values.
pub(crate) type Spec = (&'static str, bool, Attr);

/// The content of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// No content at all.
    None,
    /// These nodes, with a least and a largest number.
    Of(&'static [&'static str], usize, usize),
    /// Text without marks.
    Plain,
}

/// The rules of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) attrs: &'static [Spec],
    /// `attrs` is required.
    pub(crate) needs_attrs: bool,
    pub(crate) content: Content,
    /// `content` is required.
    pub(crate) needs_content: bool,
    /// Marks that the node may have below any parent.
    pub(crate) marks: &'static [&'static str],
}

const ANY: usize = usize::MAX;
const LOCAL: &[Spec] = &[("localId", false, Text)];
const INLINE: &[&str] = &[
    "text",
    "date",
    "emoji",
    "hardBreak",
    "inlineCard",
    "mention",
    "placeholder",
    "status",
    "inlineExtension",
    "mediaInline",
];
const DOC: &[&str] = &[
    "blockCard",
    "codeBlock",
    "mediaSingle",
    "paragraph",
    "taskList",
    "orderedList",
    "bulletList",
    "blockquote",
    "decisionList",
    "embedCard",
    "extension",
    "heading",
    "mediaGroup",
    "rule",
    "panel",
    "table",
    "bodiedExtension",
    "expand",
    "layoutSection",
    "syncBlock",
    "bodiedSyncBlock",
];
const COLUMN: &[&str] = &[
    "blockCard",
    "paragraph",
    "mediaSingle",
    "codeBlock",
    "taskList",
    "bulletList",
    "orderedList",
    "heading",
    "mediaGroup",
    "decisionList",
    "rule",
    "panel",
    "blockquote",
    "extension",
    "embedCard",
    "table",
    "expand",
    "bodiedExtension",
];
const BODY: &[&str] = &[
    "paragraph",
    "panel",
    "blockquote",
    "orderedList",
    "bulletList",
    "rule",
    "heading",
    "codeBlock",
    "mediaGroup",
    "mediaSingle",
    "decisionList",
    "taskList",
    "table",
    "blockCard",
    "embedCard",
    "extension",
];
const EXPAND: &[&str] = &[
    "paragraph",
    "panel",
    "blockquote",
    "orderedList",
    "bulletList",
    "rule",
    "heading",
    "codeBlock",
    "mediaGroup",
    "mediaSingle",
    "decisionList",
    "taskList",
    "table",
    "blockCard",
    "embedCard",
    "extension",
    "nestedExpand",
];
const NESTED: &[&str] = &[
    "paragraph",
    "heading",
    "mediaSingle",
    "mediaGroup",
    "codeBlock",
    "bulletList",
    "orderedList",
    "taskList",
    "decisionList",
    "rule",
    "panel",
    "blockquote",
    "extension",
];
const PANEL: &[&str] = &[
    "paragraph",
    "heading",
    "bulletList",
    "orderedList",
    "blockCard",
    "mediaGroup",
    "mediaSingle",
    "codeBlock",
    "taskList",
    "rule",
    "decisionList",
    "extension",
];
const CELL: &[&str] = &[
    "paragraph",
    "panel",
    "blockquote",
    "orderedList",
    "bulletList",
    "rule",
    "heading",
    "codeBlock",
    "mediaSingle",
    "mediaGroup",
    "decisionList",
    "taskList",
    "blockCard",
    "embedCard",
    "extension",
    "nestedExpand",
];
const QUOTE: &[&str] =
    &["paragraph", "orderedList", "bulletList", "codeBlock", "mediaSingle", "mediaGroup", "extension"];
const ITEM: &[&str] =
    &["paragraph", "bulletList", "orderedList", "taskList", "mediaSingle", "codeBlock", "extension"];
const CAPTION: &[&str] =
    &["hardBreak", "mention", "emoji", "date", "placeholder", "inlineCard", "status", "text"];

const CODE: &[Spec] = &[
    ("language", false, Text),
    ("uniqueId", false, Text),
    ("localId", false, Text),
    ("wrap", false, Bool),
    ("hideLineNumbers", false, Bool),
];
const TASK: &[Spec] = &[("localId", true, Text), ("state", true, OneOf(&["TODO", "DONE"]))];
const CELLS: &[Spec] = &[
    ("colspan", false, Number(0, i64::MAX)),
    ("rowspan", false, Number(0, i64::MAX)),
    ("colwidth", false, Numbers),
    ("background", false, Text),
    ("localId", false, Text),
    ("valign", false, OneOf(&["top", "middle", "bottom"])),
];
const EXTENSION: &[Spec] = &[
    ("extensionKey", true, NonEmpty),
    ("extensionType", true, NonEmpty),
    ("parameters", false, Any),
    ("text", false, Text),
    ("layout", false, OneOf(&["wide", "full-width", "default"])),
    ("localId", false, NonEmpty),
];
const EXTENSION_MARKS: &[&str] = &["dataConsumer", "fragment"];
const MEDIA_MARKS: &[&str] = &["dataConsumer", "link", "annotation", "border"];
const PANELS: &[&str] = &["info", "note", "tip", "warning", "error", "success", "custom"];

const fn rule(attrs: &'static [Spec], needs_attrs: bool, content: Content, needs_content: bool) -> Rule {
    Rule { attrs, needs_attrs, content, needs_content, marks: &[] }
}

const fn marked(rule: Rule, marks: &'static [&'static str]) -> Rule {
    Rule { marks, ..rule }
}

/// Returns the rules of a node other than `doc` and `text`; `None` if there is no such node.
pub(crate) fn of(node: &str) -> Option<Rule> {
    Some(match node {
        "paragraph" => rule(LOCAL, false, Content::Of(INLINE, 0, ANY), false),
        "heading" => {
            const ATTRS: &[Spec] = &[("level", true, Number(1, 6)), ("localId", false, Text)];
            rule(ATTRS, true, Content::Of(INLINE, 0, ANY), false)
        }
        "bulletList" => rule(LOCAL, false, Content::Of(&["listItem"], 1, ANY), true),
        "orderedList" => {
            const ATTRS: &[Spec] = &[("order", false, Number(0, i64::MAX)), ("localId", false, Text)];
            rule(ATTRS, false, Content::Of(&["listItem"], 1, ANY), true)
        }
        "listItem" => rule(LOCAL, false, Content::Of(ITEM, 1, ANY), true),
        "taskList" => {
            const ATTRS: &[Spec] = &[("localId", true, Text)];
            rule(ATTRS, true, Content::Of(&["taskItem", "taskList", "blockTaskItem"], 1, ANY), true)
        }
        "taskItem" => rule(TASK, true, Content::Of(INLINE, 0, ANY), false),
        "blockTaskItem" => rule(TASK, true, Content::Of(&["paragraph", "extension"], 1, ANY), true),
        "decisionList" => {
            const ATTRS: &[Spec] = &[("localId", true, Text)];
            rule(ATTRS, true, Content::Of(&["decisionItem"], 1, ANY), true)
        }
        "decisionItem" => {
            const ATTRS: &[Spec] = &[("localId", true, Text), ("state", true, Text)];
            rule(ATTRS, true, Content::Of(INLINE, 0, ANY), false)
        }
        "blockquote" => rule(LOCAL, false, Content::Of(QUOTE, 1, ANY), true),
        "codeBlock" => rule(CODE, false, Content::Plain, false),
        "rule" => rule(LOCAL, false, Content::None, false),
        "panel" => {
            const ATTRS: &[Spec] = &[
                ("panelType", true, OneOf(PANELS)),
                ("panelIcon", false, Text),
                ("panelIconId", false, Text),
                ("panelIconText", false, Text),
                ("panelColor", false, Text),
                ("localId", false, Text),
            ];
            rule(ATTRS, true, Content::Of(PANEL, 1, ANY), true)
        }
        "expand" | "nestedExpand" => {
            const ATTRS: &[Spec] = &[("title", false, Text), ("localId", false, Text)];
            let nested = node == "nestedExpand";
            rule(ATTRS, nested, Content::Of(if nested { NESTED } else { EXPAND }, 1, ANY), true)
        }
        "table" => {
            const ATTRS: &[Spec] = &[
                ("displayMode", false, OneOf(&["default", "fixed"])),
                ("isNumberColumnEnabled", false, Bool),
                (
                    "layout",
                    false,
                    OneOf(&["wide", "full-width", "center", "align-end", "align-start", "default"]),
                ),
                ("localId", false, NonEmpty),
                ("width", false, Number(0, i64::MAX)),
            ];
            marked(rule(ATTRS, false, Content::Of(&["tableRow"], 1, ANY), true), &["fragment"])
        }
        "tableRow" => rule(LOCAL, false, Content::Of(&["tableCell", "tableHeader"], 0, ANY), true),
        "tableCell" | "tableHeader" => rule(CELLS, false, Content::Of(CELL, 1, ANY), true),
        "mediaSingle" => {
            const ATTRS: &[Spec] = &[
                ("layout", true, OneOf(LAYOUTS)),
                ("width", false, Number(0, i64::MAX)),
                ("widthType", false, OneOf(&["percentage", "pixel"])),
                ("localId", false, Text),
            ];
            marked(rule(ATTRS, false, Content::Of(&["media", "caption"], 1, 2), true), &["link"])
        }
        "mediaGroup" => rule(&[], false, Content::Of(&["media"], 1, ANY), true),
        "media" | "mediaInline" => {
            const ATTRS: &[Spec] = &[
                ("type", false, OneOf(&["link", "file", "image", "external"])),
                ("localId", false, Text),
                ("id", false, NonEmpty),
                ("alt", false, Text),
                ("collection", false, Text),
                ("occurrenceKey", false, NonEmpty),
                ("width", false, Number(0, i64::MAX)),
                ("height", false, Number(0, i64::MAX)),
                ("url", false, Text),
                ("data", false, Any),
            ];
            marked(rule(ATTRS, true, Content::None, false), MEDIA_MARKS)
        }
        "caption" => rule(LOCAL, false, Content::Of(CAPTION, 0, ANY), false),
        "blockCard" | "inlineCard" | "embedCard" => {
            const ATTRS: &[Spec] = &[
                ("url", false, Text),
                ("data", false, Any),
                ("localId", false, Text),
                ("datasource", false, Object),
                ("width", false, Number(0, i64::MAX)),
                ("layout", false, OneOf(LAYOUTS)),
                ("originalHeight", false, Number(0, i64::MAX)),
                ("originalWidth", false, Number(0, i64::MAX)),
            ];
            rule(ATTRS, true, Content::None, false)
        }
        "layoutSection" => {
            marked(rule(LOCAL, false, Content::Of(&["layoutColumn"], 2, 3), true), &["breakout"])
        }
        "layoutColumn" => {
            const ATTRS: &[Spec] = &[
                ("width", true, Number(0, 100)),
                ("localId", false, Text),
                ("valign", false, OneOf(&["top", "middle", "bottom"])),
            ];
            rule(ATTRS, true, Content::Of(COLUMN, 1, ANY), true)
        }
        "extension" | "inlineExtension" => {
            marked(rule(EXTENSION, true, Content::None, false), EXTENSION_MARKS)
        }
        "bodiedExtension" => marked(rule(EXTENSION, true, Content::Of(BODY, 1, ANY), true), EXTENSION_MARKS),
        "syncBlock" | "bodiedSyncBlock" => {
            const ATTRS: &[Spec] = &[("resourceId", true, Text), ("localId", true, Text)];
            let content = if node == "syncBlock" { Content::None } else { Content::Of(COLUMN, 1, ANY) };
            marked(rule(ATTRS, true, content, node != "syncBlock"), &["breakout"])
        }
        "hardBreak" => {
            const ATTRS: &[Spec] = &[("text", false, OneOf(&["\n"])), ("localId", false, Text)];
            rule(ATTRS, false, Content::None, false)
        }
        "mention" => {
            const ATTRS: &[Spec] = &[
                ("id", true, Text),
                ("localId", false, Text),
                ("text", false, Text),
                ("accessLevel", false, Text),
                ("userType", false, OneOf(&["DEFAULT", "SPECIAL", "APP"])),
            ];
            rule(ATTRS, true, Content::None, false)
        }
        "emoji" => {
            const ATTRS: &[Spec] = &[
                ("shortName", true, Text),
                ("id", false, Text),
                ("text", false, Text),
                ("localId", false, Text),
            ];
            rule(ATTRS, true, Content::None, false)
        }
        "date" => {
            const ATTRS: &[Spec] = &[("timestamp", true, NonEmpty), ("localId", false, Text)];
            rule(ATTRS, true, Content::None, false)
        }
        "status" => {
            const COLORS: &[&str] = &["neutral", "purple", "blue", "red", "yellow", "green"];
            const ATTRS: &[Spec] = &[
                ("text", true, NonEmpty),
                ("color", true, Color(COLORS)),
                ("localId", false, Text),
                ("style", false, Text),
            ];
            rule(ATTRS, true, Content::None, false)
        }
        "placeholder" => {
            const ATTRS: &[Spec] = &[("text", true, Text), ("localId", false, Text)];
            rule(ATTRS, true, Content::None, false)
        }
        _ => return None,
    })
}

/// Returns the attributes of a mark, and whether they must be there; `None` if there is no such mark.
pub(crate) fn mark(name: &str) -> Option<(&'static [Spec], bool)> {
    Some(match name {
        "strong" | "em" | "code" | "strike" | "underline" => (&[], false),
        "subsup" => (&[("type", true, OneOf(&["sub", "sup"]))], true),
        "link" => (
            &[
                ("href", true, Text),
                ("title", false, Text),
                ("id", false, Text),
                ("collection", false, Text),
                ("occurrenceKey", false, Text),
            ],
            true,
        ),
        "textColor" | "backgroundColor" => (&[("color", true, Color(&[]))], true),
        "annotation" => (&[("id", true, Text), ("annotationType", true, OneOf(&["inlineComment"]))], true),
        "alignment" => (&[("align", true, OneOf(&["center", "end"]))], true),
        "indentation" => (&[("level", true, Number(1, 6))], true),
        "fontSize" => (&[("fontSize", true, OneOf(&["small"]))], true),
        "breakout" => {
            (&[("mode", true, OneOf(&["wide", "full-width"])), ("width", false, Number(0, i64::MAX))], true)
        }
        "border" => (&[("size", true, Number(1, 3)), ("color", true, Color(&[]))], true),
        "dataConsumer" => (&[("sources", true, Any)], true),
        "fragment" => (&[("localId", true, NonEmpty), ("name", false, Text)], true),
        _ => return None,
    })
}

/// Marks of formatted text; `code` can be combined only with a link or an annotation.
pub(crate) const FORMATS: &[&str] =
    &["link", "em", "strong", "strike", "subsup", "underline", "textColor", "annotation", "backgroundColor"];
pub(crate) const WITH_CODE: &[&str] = &["code", "link", "annotation"];

/// Nodes that accept `marks`, if only an empty list, besides those whose rule lists some.
pub(crate) const TAKES_MARKS: &[&str] = &["paragraph", "heading", "codeBlock", "expand"];

/// Returns the marks that a block may have because of its parent.
pub(crate) fn block_marks(node: &str, parent: &str) -> &'static [&'static str] {
    match (node, parent) {
        ("paragraph", "doc" | "layoutColumn" | "bodiedSyncBlock") => {
            &["alignment", "indentation", "fontSize"]
        }
        ("paragraph", "tableCell" | "tableHeader") => &["alignment", "fontSize"],
        (
            "paragraph",
            "listItem" | "panel" | "expand" | "nestedExpand" | "blockTaskItem" | "bodiedExtension",
        ) => &["fontSize"],
        ("heading", "doc" | "layoutColumn" | "tableCell" | "tableHeader" | "bodiedSyncBlock") => {
            &["alignment", "indentation"]
        }
        ("codeBlock" | "expand", "doc") => &["breakout"],
        _ => &[],
    }
}

/// The documents' top level.
pub(crate) const TOP: Content = Content::Of(DOC, 0, ANY);
