//! `ochre-registry templates`: what operators do with template packs.
#![expect(clippy::print_stdout, reason = "answers of a command line program")]

use ochre_engine::template::{PACKS, PackSpec, spec};

use crate::packs::{PackError, Packs, Progress};

/// Installs the packs of `types`, each `TYPE` or `TYPE@VERSION`.
///
/// # Errors
///
/// As [`PackError`]; nothing is fetched unless every type is known.
pub async fn add(packs: &Packs, types: &[String]) -> anyhow::Result<()> {
    let specs: Result<Vec<_>, _> = types.iter().map(|text| wanted(text)).collect();
    install(packs, &specs?).await
}

/// Installs every pack there is.
///
/// # Errors
///
/// As [`PackError`].
pub async fn add_all(packs: &Packs) -> anyhow::Result<()> {
    install(packs, &PACKS.iter().collect::<Vec<_>>()).await
}

/// Tells which packs the store has: type, version and packages of each.
///
/// # Errors
///
/// As [`PackError`].
pub async fn list(packs: &Packs) -> anyhow::Result<()> {
    let manifests = packs.installed().await?;
    if manifests.is_empty() {
        println!("no template packs are in the store: see `ochre-registry templates add --help`");
    }
    for manifest in manifests {
        let mut packages: Vec<_> = manifest
            .files
            .iter()
            .map(|file| format!("{}@{}", file.npm_package, file.version))
            .collect();
        packages.dedup();
        println!(
            "{} {} ({})",
            manifest.template_type,
            manifest.template_version,
            packages.join(", ")
        );
    }
    Ok(())
}

/// Takes the pack of a type out of the store.
///
/// # Errors
///
/// When it is not there, or as [`PackError`].
pub async fn remove(packs: &Packs, template_type: &str) -> anyhow::Result<()> {
    if !packs.remove(template_type).await? {
        anyhow::bail!("the store has no pack of `{template_type}`");
    }
    println!("removed {template_type}; nodes notice within four polls (`sync.poll_interval`)");
    Ok(())
}

async fn install(packs: &Packs, specs: &[&'static PackSpec]) -> anyhow::Result<()> {
    for spec in specs {
        println!("{} {}", spec.template_type, spec.template_version);
        packs.install(spec, &show).await?;
    }
    Ok(())
}

fn show(progress: Progress<'_>) {
    match progress {
        Progress::Fetching { package, version } => println!("  fetching {package}@{version}"),
        Progress::Checked { files, bytes } => {
            println!("  integrity is right; took {files} of its files, {bytes} bytes");
        }
        Progress::Kept => println!("  kept in the store"),
    }
}

/// The pack that `TYPE[@VERSION]` means.
fn wanted(text: &str) -> Result<&'static PackSpec, PackError> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let spec = spec(name).ok_or_else(|| PackError::Unknown(name.to_owned()))?;
    match version {
        Some(version) if version != spec.template_version => Err(PackError::Version {
            template_type: name.to_owned(),
            known: spec.template_version,
            asked: version.to_owned(),
        }),
        _ => Ok(spec),
    }
}

#[cfg(test)]
mod tests {
    use super::{PackError, wanted};

    #[test]
    fn version_is_the_known_one_or_none() {
        let spec = wanted("oc-template-react").unwrap();
        assert_eq!(spec.template_type, "oc-template-react");
        let exact = format!("oc-template-react@{}", spec.template_version);
        assert_eq!(wanted(&exact).unwrap(), spec);
        let other = wanted("oc-template-react@1.0.0");
        assert!(matches!(other, Err(PackError::Version { .. })));
        assert!(matches!(wanted("react"), Err(PackError::Unknown(_))));
    }
}
