//! The width of the screen, and whether it shows colours.

use super::{
    environment::Environment,
    reader::{Origin, Reader},
};
use crate::cli::ColorChoice;

/// The settings of the screen in environment variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScreenConfig {
    /// True for no colours with `--color auto`. `NO_COLOR`; default: colours on a terminal.
    pub(crate) no_color: bool,
    /// The line width. `COLUMNS`; default: the width of the terminal.
    pub(crate) columns: Option<usize>,
}

impl ScreenConfig {
    /// Reads the variables. Shells set them, so invalid values are ignored.
    pub(crate) fn read(environment: &dyn Environment) -> ScreenConfig {
        let columns = environment.set("COLUMNS").and_then(|columns| columns.to_str()?.trim().parse().ok());
        ScreenConfig {
            no_color: environment.get("NO_COLOR").is_some_and(|value| !value.is_empty()),
            columns: columns.filter(|columns| *columns > 0),
        }
    }

    /// Records the settings in force.
    pub(super) fn note(self, color: ColorChoice, reader: &mut Reader<'_>) {
        let (color, origin) = match (color, reader.origin("color", "NO_COLOR")) {
            (ColorChoice::Auto, Origin::Default) if self.no_color => {
                ("never", Origin::Variable("NO_COLOR".to_owned()))
            }
            (ColorChoice::Auto, origin) => ("auto", origin),
            (ColorChoice::Always, origin) => ("always", origin),
            (ColorChoice::Never, origin) => ("never", origin),
        };
        reader.note_flag("color", "NO_COLOR", color, origin);
        match self.columns {
            Some(columns) => reader.note("COLUMNS", columns, Origin::Variable("COLUMNS".to_owned())),
            None => reader.note("COLUMNS", "as the terminal has", Origin::Default),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    #[test]
    fn a_width_that_is_none_is_passed_over() {
        for (text, columns) in [("80", Some(80)), (" 7 ", Some(7)), ("0", None), ("wide", None), ("", None)] {
            let screen = ScreenConfig::read(&Variables(&[("COLUMNS", text)]));
            assert_eq!(screen, ScreenConfig { no_color: false, columns }, "{text}");
        }
    }

    #[test]
    fn an_empty_no_color_leaves_colours_on() {
        for (value, no_color) in [("1", true), ("0", true), (" ", true), ("", false)] {
            let screen = ScreenConfig::read(&Variables(&[("NO_COLOR", value)]));
            assert_eq!(screen.no_color, no_color, "{value:?}");
        }
    }

    #[test]
    fn a_flag_for_colours_goes_before_the_variable() {
        let variables = Variables(&[("NO_COLOR", "1")]);
        let told = |arguments: &[&str], color| {
            let matches = matches(arguments);
            let mut reader = Reader::new(&matches, &variables);
            ScreenConfig::read(&variables).note(color, &mut reader);
            let settings = reader.into_settings();
            format!("{} ({})", settings[0].value, settings[0].origin)
        };
        assert_eq!(told(&["config"], ColorChoice::Auto), "never (environment: NO_COLOR)");
        let flag = ["config", "--color", "always"];
        assert_eq!(told(&flag, ColorChoice::Always), "always (flag)");
    }
}
