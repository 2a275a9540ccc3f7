//! Bundles and minifies the browser client, so that the registry serves it from memory.
//!
//! Writes three files to `OUT_DIR`: `client.dev.js` (the modules one after another), `client.js`
//! (minified) and `client.map` (its source map, back to the modules). Both scripts end with a call
//! that takes [`PLACE`], which the registry replaces with its own constants.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use oxc_allocator::Allocator;
use oxc_ast::ast::Statement;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_ecmascript::BoundNames;
use oxc_minifier::{Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_sourcemap::{SourceMap, SourceMapBuilder};
use oxc_span::{GetSpan, SourceType};

/// Where the client's modules are, seen from the package, where Cargo runs this.
const SOURCES: &str = "../client/browser";

/// The module that imports the others.
const ENTRY: &str = "index.js";

/// The module that the registry's constants stand in for.
const CONSTANTS: &str = "registry.js";

/// Stands for the constants in both scripts.
const PLACE: &str = "__OCHRE_CLIENT__";

/// The functions of the modules see each other and nobody else sees them.
const HEAD: &str = "(function (registry) {\n'use strict';\n";

type Failure = Box<dyn Error>;

/// One module, its exports and imports blanked out.
struct Module {
    name: String,
    source: String,
    body: String,
    /// What it declares at its top level.
    names: Vec<String>,
    /// Line of the bundle where `body` begins.
    line: u32,
}

fn main() -> Result<(), Failure> {
    writeln!(io::stdout(), "cargo::rerun-if-changed={SOURCES}")?;
    let mut modules = Vec::new();
    collect(ENTRY, &mut Vec::new(), &mut modules)?;
    check_names(&modules)?;
    let bundle = concatenate(&mut modules);
    let (code, map) = minify(&bundle)?;
    let map = to_modules(&map, &modules);

    let target = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(target.join("client.dev.js"), bundle)?;
    fs::write(target.join("client.js"), code)?;
    fs::write(target.join("client.map"), map)?;
    Ok(())
}

/// Adds a module after everything that it imports.
fn collect(
    name: &str,
    on_the_way: &mut Vec<String>,
    done: &mut Vec<Module>,
) -> Result<(), Failure> {
    let is_known = done.iter().any(|module| module.name == name);
    if name == CONSTANTS || is_known || on_the_way.iter().any(|other| other == name) {
        return Ok(());
    }
    on_the_way.push(name.to_owned());
    let path = Path::new(SOURCES).join(name);
    let source =
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut module = Module {
        name: name.to_owned(),
        body: source.clone(),
        source,
        names: Vec::new(),
        line: 0,
    };
    for import in take_imports(&mut module)? {
        collect(&import, on_the_way, done)?;
    }
    done.push(module);
    Ok(())
}

/// Blanks out what ties the module to others, every line stays where it was; gives its imports.
fn take_imports(module: &mut Module) -> Result<Vec<String>, Failure> {
    let name = &module.name;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &module.source, SourceType::mjs()).parse();
    if let Some(problem) = parsed.diagnostics.first() {
        return Err(format!("{name}: {problem}").into());
    }
    let body = &mut module.body;
    let mut imports = Vec::new();
    let names = &mut module.names;
    for statement in &parsed.program.body {
        if let Some(declaration) = statement.as_declaration() {
            declaration.bound_names(&mut |bound| names.push(bound.name.to_string()));
        }
        match statement {
            Statement::ImportDeclaration(import) => {
                blank(body, import.span.start, import.span.end);
                imports.push(import.source.value.trim_start_matches("./").to_owned());
            }
            Statement::ExportDeclaration(export) => {
                let declared = &export.declaration;
                declared.bound_names(&mut |bound| names.push(bound.name.to_string()));
                blank(body, export.span.start, export.declaration.span().start);
            }
            Statement::ExportNamedDeclaration(_)
            | Statement::ExportDefaultDeclaration(_)
            | Statement::ExportAllDeclaration(_)
            | Statement::ExportFromDeclaration(_) => {
                return Err(format!("{name}: export only what is declared there and then").into());
            }
            _ => {}
        }
    }
    Ok(imports)
}

/// Puts spaces in place of everything but line ends.
fn blank(text: &mut String, start: u32, end: u32) {
    let range = start as usize..end as usize;
    let blanks: String = text[range.clone()]
        .chars()
        .map(|character| if character == '\n' { '\n' } else { ' ' })
        .collect();
    text.replace_range(range, &blanks);
}

/// In the bundle all modules share one scope.
fn check_names(modules: &[Module]) -> Result<(), Failure> {
    let mut seen = BTreeSet::from(["registry"]);
    for module in modules {
        for name in &module.names {
            if !seen.insert(name) {
                return Err(format!("{}: `{name}` is declared elsewhere too", module.name).into());
            }
        }
    }
    Ok(())
}

fn concatenate(modules: &mut [Module]) -> String {
    let mut bundle = HEAD.to_owned();
    for module in modules {
        bundle += &["\n// --- ", &module.name, " ---\n"].concat();
        module.line = u32::try_from(bundle.matches('\n').count()).unwrap_or(u32::MAX);
        bundle.push_str(&module.body);
    }
    bundle += &["})(", PLACE, ");\n"].concat();
    bundle
}

/// The bundle without what a reader needs, and the map back to it.
fn minify(bundle: &str) -> Result<(String, SourceMap<'static>), Failure> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, bundle, SourceType::script()).parse();
    if let Some(problem) = parsed.diagnostics.first() {
        return Err(format!("bundle: {problem}").into());
    }
    let mut program = parsed.program;
    let minified = Minifier::new(MinifierOptions::default()).minify(&allocator, &mut program);
    let options = CodegenOptions {
        source_map_path: Some(PathBuf::from("client.dev.js")),
        ..CodegenOptions::minify()
    };
    let output = Codegen::new()
        .with_options(options)
        .with_scoping(minified.scoping)
        .build(&program);
    if output.code.matches(PLACE).count() != 1 {
        return Err(format!("bundle: {PLACE} is not there exactly once").into());
    }
    let map = output.map.ok_or("bundle: there is no source map")?;
    Ok((output.code, map.into_owned()))
}

/// The same map, to the modules instead of the bundle.
fn to_modules(map: &SourceMap<'_>, modules: &[Module]) -> String {
    let mut builder = SourceMapBuilder::default();
    builder.set_file("client.js");
    let names: Vec<&str> = map.get_names().collect();
    for module in modules {
        builder.add_source_and_content(&module.name, &module.source);
    }
    for token in map.get_tokens() {
        let line = token.get_src_line();
        let after = modules.partition_point(|module| module.line <= line);
        let Some((index, module)) = after.checked_sub(1).zip(modules.get(after.wrapping_sub(1)))
        else {
            continue;
        };
        let name = token.get_name_id().and_then(|id| names.get(id as usize));
        let name = name.map(|name| builder.add_name(name));
        builder.add_token(
            token.get_dst_line(),
            token.get_dst_col(),
            line - module.line,
            token.get_src_col(),
            u32::try_from(index).ok(),
            name,
        );
    }
    builder.into_sourcemap().to_json_string()
}
