//! Every variant of every shader is translated to what Vulkan, Metal and DX12 take, as wgpu would on such a device.

use std::io::{ErrorKind, Write};
use std::process::Command;

use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::ModuleInfo;

use super::contract::{needs_matrix_unit, resolved};

/// The oldest and the newest SPIR-V that wgpu writes, and the version of Vulkan whose rules hold for it.
const VERSIONS: [((u8, u8), &str); 2] = [((1, 0), "vulkan1.0"), ((1, 6), "vulkan1.3")];

fn bounds(checked: bool) -> BoundsCheckPolicies {
    let policy = if checked { BoundsCheckPolicy::Restrict } else { BoundsCheckPolicy::Unchecked };
    BoundsCheckPolicies { index: policy, buffer: policy, ..Default::default() }
}

fn to_spirv(module: &naga::Module, info: &ModuleInfo, version: (u8, u8), checked: bool) -> Vec<u32> {
    let options = spv::Options {
        lang_version: version,
        bounds_check_policies: bounds(checked),
        force_loop_bounding: checked,
        ..Default::default()
    };
    spv::write_vec(module, info, &options, None).unwrap_or_else(|error| panic!("SPIR-V: {error}"))
}

fn to_msl(module: &naga::Module, info: &ModuleInfo, checked: bool) -> String {
    let options = msl::Options {
        lang_version: (2, 0),
        bounds_check_policies: bounds(checked),
        force_loop_bounding: checked,
        ..Default::default()
    };
    let (text, entries) = msl::write_string(module, info, &options, &Default::default())
        .unwrap_or_else(|error| panic!("MSL: {error}"));
    assert!(entries.entry_point_names.iter().all(Result::is_ok), "MSL: {:?}", entries.entry_point_names);
    text
}

fn to_hlsl(module: &naga::Module, info: &ModuleInfo, checked: bool) -> String {
    let options = hlsl::Options {
        // Where wgpu puts the size of the grid.
        special_constants_binding: Some(hlsl::BindTarget { space: 1, ..Default::default() }),
        restrict_indexing: checked,
        force_loop_bounding: checked,
        ..Default::default()
    };
    let mut text = String::new();
    let pipeline = hlsl::PipelineOptions { entry_point: None };
    let entries = hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(module, info, None)
        .unwrap_or_else(|error| panic!("HLSL: {error}"));
    assert!(entries.entry_point_names.iter().all(Result::is_ok), "HLSL: {:?}", entries.entry_point_names);
    text
}

/// What `spirv-val` says against a module; `None` if nothing, or if it is not installed.
fn spirv_val(words: &[u32], environment: &str) -> Option<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytemuck::cast_slice(words)).unwrap();
    match Command::new("spirv-val").args(["--target-env", environment]).arg(file.path()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("spirv-val: {error}"),
    }
}

#[test]
fn every_variant_translates_for_vulkan_metal_and_dx12() {
    let mut translated = 0;
    resolved(|name, variant, module, info| {
        for checked in [false, true] {
            if needs_matrix_unit(variant) {
                // Matrices are for Vulkan, and spirv-val knows them only of late.
                assert!(to_spirv(module, info, (1, 6), checked).len() > 1000, "{name}: no SPIR-V");
                continue;
            }
            for (version, environment) in VERSIONS {
                let words = to_spirv(module, info, version, checked);
                let wrong = spirv_val(&words, environment);
                assert!(wrong.is_none(), "{name}: {environment}: {}", wrong.unwrap_or_default());
            }
            assert!(to_msl(module, info, checked).contains("kernel void"), "{name}: no Metal kernel");
            assert!(to_hlsl(module, info, checked).contains("numthreads"), "{name}: no HLSL kernel");
        }
        translated += 1;
    });
    assert!(translated > super::KERNELS.len(), "{translated} variants");
}

/// Without its last instruction, which ends the last function, a module is none.
#[test]
fn spirv_val_refuses_half_a_module() {
    if Command::new("spirv-val").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no spirv-val");
    }
    let mut seen = false;
    resolved(|_, _, module, info| {
        if !std::mem::replace(&mut seen, true) {
            let words = to_spirv(module, info, (1, 0), false);
            assert!(spirv_val(&words[..words.len() - 1], "vulkan1.0").is_some());
        }
    });
    assert!(seen);
}
