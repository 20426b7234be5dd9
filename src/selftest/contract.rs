//! Holds every WGSL module against what the host says of it, by reflection: nothing is kept in step by hand.

use std::collections::BTreeSet;

use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess, TypeInner};

use super::KERNELS;
use crate::engine::matrix_unit::WORKGROUP_MEMORY;
use crate::engine::shader::{Shader, Variant};
use crate::engine::tile::Tile;

/// What a variant may use: what every adapter has but one of OpenGL, which is not taken; the text for a matrix unit that too.
fn capabilities(variant: &Variant) -> Capabilities {
    let all_have = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    match needs_matrix_unit(variant) {
        true => all_have | Capabilities::COOPERATIVE_MATRIX | Capabilities::SHADER_FLOAT16,
        false => all_have,
    }
}

pub(super) fn needs_matrix_unit(variant: &Variant) -> bool {
    variant.prelude.contains("enable wgpu_cooperative_matrix;")
}

/// The module of a variant.
fn parse(shader: &Shader, variant: &Variant) -> (naga::Module, ModuleInfo) {
    let text = shader.text(variant);
    let module = naga::front::wgsl::parse_str(&text)
        .unwrap_or_else(|error| panic!("{}: {}", shader.stem, error.emit_to_string(&text)));
    let info = Validator::new(ValidationFlags::all(), capabilities(variant))
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", shader.stem, error.emit_to_string(&text)));
    (module, info)
}

/// Every variant of every shader, its overrides resolved, as drivers get it.
pub(super) fn resolved(mut each: impl FnMut(&str, &Variant, &naga::Module, &ModuleInfo)) {
    for shader in KERNELS.iter().map(|kernel| kernel.shader) {
        for variant in (shader.variants)() {
            let (module, info) = parse(shader, &variant);
            let constants =
                variant.overrides.iter().map(|&(name, value)| (name.to_string(), value)).collect();
            let entry = Some((naga::ShaderStage::Compute, "main"));
            let (module, info) = process_overrides(&module, &info, entry, &constants)
                .unwrap_or_else(|error| panic!("{} {variant:?}: {error}", shader.stem));
            each(&format!("{} {:?}", shader.stem, variant.overrides), &variant, &module, &info);
        }
    }
}

fn all_variants() -> impl Iterator<Item = (&'static Shader, naga::Module, Variant)> {
    KERNELS.iter().flat_map(|kernel| {
        let shader = kernel.shader;
        let variants = (shader.variants)();
        assert!(!variants.is_empty(), "{}: no variant", shader.stem);
        variants.into_iter().map(move |variant| (shader, parse(shader, &variant).0, variant))
    })
}

#[test]
fn bindings_have_the_hosts_names_order_and_access() {
    for (shader, module, _) in all_variants() {
        let mut bound: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| {
                let binding = variable.binding.as_ref()?;
                assert_eq!(binding.group, 0, "{}", shader.stem);
                let access = match variable.space {
                    AddressSpace::Uniform => "uniform",
                    AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => "write",
                    AddressSpace::Storage { .. } => "read",
                    _ => panic!("{}: a binding in {:?}", shader.stem, variable.space),
                };
                Some((binding.binding, variable.name.clone().unwrap_or_default(), access))
            })
            .collect();
        bound.sort();
        let host = std::iter::once(("params", "uniform"))
            .chain(shader.reads.iter().map(|name| (*name, "read")))
            .chain(shader.writes.iter().map(|name| (*name, "write")))
            .enumerate()
            .map(|(number, (name, access))| (number as u32, name.to_string(), access));
        assert_eq!(bound, host.collect::<Vec<_>>(), "{}", shader.stem);
        assert!(bound.len() <= 9, "{}: more than 8 storage buffers, the default limit", shader.stem);
    }
}

#[test]
fn params_have_the_hosts_layout() {
    for (shader, module, _) in all_variants() {
        let uniform = module
            .global_variables
            .iter()
            .map(|(_, variable)| variable)
            .find(|variable| variable.space == AddressSpace::Uniform)
            .unwrap_or_else(|| panic!("{}: no params", shader.stem));
        let TypeInner::Struct { members, .. } = &module.types[uniform.ty].inner else {
            panic!("{}: params is no struct", shader.stem)
        };
        let reflected: Vec<_> = members
            .iter()
            .map(|member| {
                let size = module.types[member.ty].inner.size(module.to_ctx());
                (member.name.clone().unwrap_or_default(), member.offset as usize, size as usize)
            })
            .collect();
        let host: Vec<_> = shader.params.iter().map(|f| (f.name.to_string(), f.offset, f.size)).collect();
        assert_eq!(reflected, host, "{}", shader.stem);
    }
}

#[test]
fn modules_have_one_entry_point_within_the_default_limits() {
    for (shader, module, variant) in all_variants() {
        let [entry] = &module.entry_points[..] else { panic!("{}: not one entry point", shader.stem) };
        assert_eq!(
            (entry.name.as_str(), entry.stage),
            ("main", naga::ShaderStage::Compute),
            "{}",
            shader.stem
        );
        // A device is asked whether it can take a tile, by what the tile says of itself.
        let tile = Tile::ALL.into_iter().find(|tile| variant.prelude.starts_with(&tile.constants()));
        let (most, most_shared) = match tile {
            Some(tile) => (tile.invocations() as u32, tile.workgroup_memory() as u32),
            // So it is for whether it has the memory that blocks of products in f16 need.
            None if shader.stem == "assign_half" => (256, WORKGROUP_MEMORY),
            None if shader.stem == "half_products" => (256, WORKGROUP_MEMORY),
            None => (256, 16 << 10),
        };
        let invocations: u32 = entry.workgroup_size.iter().product();
        assert!(invocations <= most, "{}: {invocations} invocations", shader.stem);
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
            .sum();
        assert!(shared <= most_shared, "{}: {shared} bytes of workgroup memory", shader.stem);
        let known: BTreeSet<_> = module.overrides.iter().filter_map(|(_, o)| o.name.clone()).collect();
        for (name, _) in variant.overrides.iter() {
            assert!(known.contains(*name), "{}: no override {name}", shader.stem);
        }
    }
}

#[test]
fn the_host_knows_the_shared_workgroup_size() {
    let module = naga::front::wgsl::parse_str(crate::kernels::GRID).unwrap();
    let (_, constant) =
        module.constants.iter().find(|(_, c)| c.name.as_deref() == Some("WORKGROUP")).expect("WORKGROUP");
    let naga::Expression::Literal(naga::Literal::U32(size)) = module.global_expressions[constant.init] else {
        panic!("WORKGROUP is no literal")
    };
    assert_eq!(u64::from(size), crate::kernels::WORKGROUP);
}

/// A kernel is a shader, a host side, a CPU twin and a check of one name, and `KERNELS` lists it.
#[test]
fn every_kernel_has_all_its_faces() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let listed: BTreeSet<String> = KERNELS.iter().map(|kernel| kernel.shader.stem.to_string()).collect();
    assert_eq!(listed.len(), KERNELS.len(), "a stem is listed twice");
    assert_eq!(listed, stems("shaders", "wgsl"));
    for (folder, what) in [("src/kernels", "host side"), ("src/cpu", "CPU twin"), ("src/selftest", "check")] {
        let missing: Vec<_> = listed.difference(&stems(folder, "rs")).cloned().collect();
        assert!(missing.is_empty(), "no {what} in {folder} for {missing:?}");
    }
}
