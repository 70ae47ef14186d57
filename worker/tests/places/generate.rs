//! Draws a pair from its seed.

use syncline_engine::{
    Side,
    side::Pair as Both,
    spec::{Direction, Strategy},
};

use crate::{
    draw::Draw,
    draw_layout::{Key, layout},
    meaning::{Meaning, Sort},
    pair::{Field, Kind, Pair, Role, Row},
    values,
};

/// So many of a hundred pairs have a table in PostgreSQL on one side.
pub(crate) const ON_POSTGRES: u64 = 15;

/// The pair of a seed.
pub(crate) fn pair(seed: u64) -> Pair {
    let mut draw = Draw::of(seed);
    let draw = &mut draw;
    let kinds = kinds(seed, draw);
    let on_postgres = kinds.source == Kind::Postgres || kinds.target == Kind::Postgres;
    let direction = draw.pick(&[
        Direction::Bidirectional,
        Direction::Bidirectional,
        Direction::Bidirectional,
        Direction::SourceToTarget,
        Direction::TargetToSource,
    ]);
    // A one-way sync keeps both values of a conflict where the side that is only read would lose, so the law that both
    // sides say the same holds only where the read side wins.
    let strategy = match direction {
        Direction::SourceToTarget => Strategy::SourceWins,
        Direction::TargetToSource => Strategy::TargetWins,
        Direction::Bidirectional => draw.pick(&[
            Strategy::SourceWins,
            Strategy::TargetWins,
            Strategy::LastWriteWins,
            Strategy::LastWriteWins,
            Strategy::Manual,
        ]),
    };
    let mut fields: Vec<Field> = (0..1 + draw.below(4)).map(|_| field(draw, on_postgres)).collect();
    let mapped_key = draw.chance(65);
    let key = draw.pick(&[Key::Text, Key::Text, Key::Number, Key::Padded, Key::Uuid]);
    if key == Key::Text && mapped_key && draw.chance(25) {
        fields.push(Field {
            sort: Sort::Parent,
            typed: false,
            direction: None,
            required: false,
            renamed: false,
        });
    }
    let tags: Vec<String> = (0..draw.below(9)).map(|row| format!("t{row}")).collect();
    let layout = |kind: Kind, draw: &mut Draw| layout(kind, &fields, key, mapped_key, &tags, draw);
    let layouts = Both::new(layout(kinds.source, draw), layout(kinds.target, draw));
    let mut pair = Pair {
        seed,
        layouts,
        fields,
        mapped_key,
        rows: Vec::new(),
        direction,
        strategy,
        two_way_create: draw.chance(60),
        deletes: draw.chance(40),
        answer_lost: draw.chance(20),
    };
    settle_directions(&mut pair, draw);
    // Gap of the product: what was sent is all that is known of a create whose answer was lost, so what a default or a
    // trigger made of the row is taken for somebody's edit.
    let own = |side: Side| {
        let layout = pair.layouts.get(side);
        layout.capitals().is_some() || layout.columns.iter().any(|column| column.default.is_some())
    };
    pair.answer_lost &= !own(Side::Source) && !own(Side::Target);
    pair.rows = tags.iter().enumerate().map(|(number, tag)| row(&pair, key, number, tag, draw)).collect();
    pair
}

fn kinds(seed: u64, draw: &mut Draw) -> Both<Kind> {
    let other = draw.pick(&[Kind::Csv, Kind::Csv, Kind::Sqlite]);
    // By position rather than by chance, so that each hundred pairs have as many.
    let (one, two) = match seed % 100 {
        place if place < ON_POSTGRES => (other, Kind::Postgres),
        place if place < 35 => (Kind::Csv, Kind::Csv),
        place if place < 45 => (Kind::Sqlite, Kind::Sqlite),
        _ => (Kind::Csv, Kind::Sqlite),
    };
    if draw.chance(40) { Both::new(two, one) } else { Both::new(one, two) }
}

fn field(draw: &mut Draw, on_postgres: bool) -> Field {
    use Sort::{Clock, Day, Decimal, Flag, Inet, Interval, Json, Label, List, Moment, Text, Uuid, Whole};
    let common = [
        Text, Text, Text, Whole, Whole, Decimal, Decimal, Flag, Day, Moment, Moment, Json, List, Label, Uuid,
    ];
    let sort = match on_postgres && draw.chance(15) {
        true => draw.pick(&[Inet, Interval, Clock]),
        false => draw.pick(&common),
    };
    // JSON and lists have no spelling of their own as text, so they are only compared as what they are.
    let typed = matches!(sort, Sort::Json | Sort::List) || draw.chance(65);
    Field {
        sort,
        typed,
        direction: None,
        required: draw.chance(8),
        renamed: sort == Sort::Label && draw.chance(50),
    }
}

/// A column that the database computes can only be read, and what only one side may write goes one way.
fn settle_directions(pair: &mut Pair, draw: &mut Draw) {
    for position in 0..pair.fields.len() {
        let computed = |side: Side| {
            pair.layouts
                .get(side)
                .column(Role::Field(position))
                .is_some_and(|column| column.generated.is_some())
        };
        let from = Side::BOTH.into_iter().find(|side| computed(*side));
        let direction = match from {
            Some(Side::Source) => Some(Direction::SourceToTarget),
            Some(Side::Target) => Some(Direction::TargetToSource),
            None if draw.chance(8) => {
                Some(draw.pick(&[Direction::SourceToTarget, Direction::TargetToSource]))
            }
            None => None,
        };
        // A required field that is not carried would refuse every new row, which is no promise to check.
        pair.fields[position].required &= direction.is_none();
        pair.fields[position].direction = direction;
    }
}

fn row(pair: &Pair, key: Key, number: usize, tag: &str, draw: &mut Draw) -> Row {
    let on = match draw.below(10) {
        0..=3 => Both::new(true, false),
        4..=6 => Both::new(false, true),
        _ => Both::new(true, true),
    };
    let text = match key {
        Key::Text => {
            let forms = [
                format!("T-{number}"),
                format!("Ä {number}"),
                format!("a,b;{number}"),
                format!("x\"{number}\"y"),
            ];
            let odd = draw.chance(25);
            draw.pick(&forms[..if odd { 4 } else { 1 }])
        }
        Key::Number | Key::Padded => (number + 1).to_string(),
        Key::Uuid => format!("{:08x}{}", number + 0xa0, &values::uuid(draw)[8..]),
    };
    let declared = |side: Side| pair.layouts.get(side).columns.iter().find(|column| column.role == Role::Key);
    let declared = |side: Side| declared(side).map(|column| column.declared.as_str()).unwrap_or_default();
    let is_text = |side: Side| ["", "TEXT", "text"].contains(&declared(side));
    // In a text column, another spelling is another key.
    let spelled = |side: Side, draw: &mut Draw| match key {
        Key::Padded if is_text(side) => format!("{text:0>3}"),
        Key::Uuid if declared(side.other()) == "uuid" && draw.chance(20) => text.to_ascii_uppercase(),
        Key::Text | Key::Uuid if declared(side.other()).ends_with("NOCASE") && draw.chance(20) => {
            text.to_ascii_lowercase()
        }
        _ => text.clone(),
    };
    let keys = Both::new(spelled(Side::Source, draw), spelled(Side::Target, draw));
    let mut cells = Both::new(Vec::new(), Vec::new());
    for (position, field) in pair.fields.iter().enumerate() {
        let mut both = Side::BOTH.map(|side| {
            let plain = pair.layouts.get(side).kind != Kind::Csv;
            match field.sort {
                _ if draw.chance(12) => String::new(),
                // A row that comes earlier, or later: then it is refused until that one is there.
                Sort::Parent => format!("T-{}", draw.below(9)),
                sort => values::text(sort, draw, plain),
            }
        });
        // Most rows that are on both sides agree already, in one spelling or another.
        if draw.chance(60) && field.sort.read(&both[0]) != Meaning::Nothing && field.sort != Sort::Moment {
            both[1] = both[0].clone();
        }
        let [source, target] = both;
        cells.source.push(source);
        cells.target.push(pair.spelled(position, Side::Target, target));
    }
    Row { tag: tag.to_owned(), on, keys, cells }
}
