//! Barriers are met by all invocations of a workgroup, and one can see it from the form of the text.
//!
//! Compilers that do not follow values, such as FXC for DX12, refuse a barrier behind a branch even where every invocation
//! takes the same one. So an `if` that an override does not decide holds no barrier, a loop that holds one ends by its
//! head alone, and no function returns once a barrier was met.
use naga::{Block, Expression, Function, Literal, Module, Statement};

use super::contract::resolved;

/// The statements of `block` one after the other, of an `if` that is decided those of its branch, up to the first return.
fn decided(function: &Function, block: &Block) -> Vec<Statement> {
    let mut statements = Vec::new();
    for statement in block {
        match statement {
            Statement::Block(inner) => statements.extend(decided(function, inner)),
            Statement::If { condition, accept, reject } => match function.expressions[*condition] {
                Expression::Literal(Literal::Bool(true)) => statements.extend(decided(function, accept)),
                Expression::Literal(Literal::Bool(false)) => statements.extend(decided(function, reject)),
                _ => statements.push(statement.clone()),
            },
            _ => statements.push(statement.clone()),
        }
        if matches!(statements.last(), Some(Statement::Return { .. })) {
            break;
        }
    }
    statements
}

/// Whether `statement` holds a barrier, or calls what does.
fn meets(module: &Module, function: &Function, statement: &Statement) -> bool {
    let any = |function: &Function, block: &Block| {
        decided(function, block).iter().any(|statement| meets(module, function, statement))
    };
    match statement {
        Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. } => true,
        Statement::If { accept, reject, .. } => any(function, accept) || any(function, reject),
        Statement::Switch { cases, .. } => cases.iter().any(|case| any(function, &case.body)),
        Statement::Loop { body, continuing, .. } => any(function, body) || any(function, continuing),
        Statement::Call { function: callee, .. } => {
            let callee = &module.functions[*callee];
            any(callee, &callee.body)
        }
        _ => false,
    }
}

/// Whether `statement` can leave what it is in: by a return, or by a break or continue of the loop around it.
fn leaves(statement: &Statement, within_loop: bool) -> bool {
    let any = |block: &Block, within| block.iter().any(|statement| leaves(statement, within));
    match statement {
        Statement::Return { .. } | Statement::Kill => true,
        Statement::Break | Statement::Continue => within_loop,
        Statement::Block(block) => any(block, within_loop),
        Statement::If { accept, reject, .. } => any(accept, within_loop) || any(reject, within_loop),
        Statement::Switch { cases, .. } => cases.iter().any(|case| any(&case.body, false)),
        Statement::Loop { body, .. } => any(body, false),
        _ => false,
    }
}

/// The `if` with which the body of a `for` or `while` begins.
fn is_head(statement: &Statement) -> bool {
    matches!(statement, Statement::If { accept, reject, .. }
        if accept.is_empty() && matches!(&reject[..], [Statement::Break]))
}

/// What is wrong with the barriers of `statements`.
fn wrong(module: &Module, function: &Function, statements: &[Statement]) -> Option<&'static str> {
    let mut met = false;
    for (at, statement) in statements.iter().enumerate() {
        // What is last returns in any case.
        let is_last = at + 1 == statements.len();
        if met && !is_last && leaves(statement, false) {
            return Some("a return behind a barrier");
        }
        if !meets(module, function, statement) {
            continue;
        }
        met = true;
        match statement {
            Statement::If { .. } | Statement::Switch { .. } => return Some("a barrier behind a branch"),
            Statement::Loop { body, .. } => {
                let mut body = decided(function, body);
                if let Some(head) = body.iter().position(is_head) {
                    body.remove(head);
                }
                if body.iter().any(|statement| leaves(statement, true)) {
                    return Some("a barrier in a loop that is left in its midst");
                }
                if let Some(found) = wrong(module, function, &body) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

fn check(module: &Module) -> Option<&'static str> {
    let functions = module.functions.iter().map(|(_, function)| function);
    let mut all = functions.chain(module.entry_points.iter().map(|entry| &entry.function));
    all.find_map(|function| wrong(module, function, &decided(function, &function.body)))
}

#[test]
fn no_barrier_is_behind_a_branch() {
    let mut found: Vec<String> = Vec::new();
    resolved(|name, _, module, _| found.extend(check(module).map(|wrong| format!("{name}: {wrong}"))));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_barrier_behind_a_branch_is_found() {
    for (body, refused) in [
        ("for (var i = 0u; i < 9u; i++) { workgroupBarrier(); }", false),
        ("if group.x > 3u { return; } workgroupBarrier();", false),
        ("if at > 3u { workgroupBarrier(); }", true),
        ("for (var i = 0u; i < 9u; i++) { workgroupBarrier(); if at == i { break; } }", true),
        ("loop { meet(); if at > 3u { return; } }", true),
        ("meet(); if at > 3u { return; } workgroupBarrier();", true),
    ] {
        let text = format!(
            "fn meet() {{ workgroupBarrier(); }}
             @compute @workgroup_size(64)
             fn main(@builtin(local_invocation_index) at: u32, @builtin(workgroup_id) group: vec3u) {{ {body} }}"
        );
        let module = naga::front::wgsl::parse_str(&text).unwrap();
        assert_eq!(check(&module).is_some(), refused, "{body}");
    }
}
