//! `wgvq plot curve`

use serde_json::json;
use wgvq::{Error, Result};

use crate::Verdict;
use crate::args::{Common, PlotCurve};
use crate::figures::print_json;
use crate::plots;
use crate::stdout::say;

/// More corners than that are not told apart on a screen.
const MOST_CORNERS: u64 = 1 << 18;

pub fn run(command: &PlotCurve, common: &Common) -> Result<Verdict> {
    let (curve, depth) = (command.curve, command.depth);
    let corners = curve.cells(depth)?;
    if corners > MOST_CORNERS {
        return Err(Error::input(format!(
            "a {curve} curve of depth {depth} has {corners} corners; a picture shows {MOST_CORNERS} at most"
        )));
    }
    let output = command.output.clone().unwrap_or_else(|| format!("{curve}.svg").into());
    common.check_picture(&output, std::iter::empty::<&String>())?;
    let points = curve.points(depth)?.map(|[x, y]| (x, y)).collect::<Vec<_>>();
    let title = format!("{curve}, n = {depth}");
    plots::path(&output, common.force, &title, &points, curve.is_closed())?;
    if common.json {
        let curve = curve.name();
        print_json(
            &json!({ "plot": output.display().to_string(), "curve": curve, "depth": depth, "corners": corners }),
        )?;
    } else {
        say!("{}", output.display());
    }
    Ok(Verdict::Done)
}
