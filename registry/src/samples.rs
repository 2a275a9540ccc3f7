//! The sample components, published on the first run through the same path as any other.

use std::io::{Seek, Write};

use ochre_model::PackageJson;
use ochre_package::PackageBuilder;

use crate::{
    auth::Principal,
    publish::{PublishRequest, Publisher, Upload},
};

/// A file of a sample: path in its package, and bytes.
type File = (&'static str, &'static [u8]);

/// Files of one folder of `samples/`.
macro_rules! sample {
    ($folder:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_bytes!(concat!("../samples/", $folder, "/", $file)))),+]
    };
}

/// Every sample, in the order of their needs.
const SAMPLES: [&[File]; 3] = [
    sample!("hello": "package.json", "template.js", "server.js"),
    sample!("greeting-card": "package.json", "template.js", "server.js"),
    sample!(
        "gallery": "package.json", "template.js", "public/gallery.css", "public/gallery.js",
        "public/cliffs.svg", "public/dunes.svg", "public/quarry.svg",
    ),
];

/// Publishes the samples; what fails is told in the log, and the registry goes on without it.
///
/// Gives the names of the samples that are published now.
pub async fn publish(publisher: &Publisher) -> Vec<String> {
    let mut published = Vec::new();
    for files in SAMPLES {
        match publish_one(publisher, files).await {
            Ok(name) => published.push(name),
            Err(reason) => tracing::warn!(reason, "a sample component was not published"),
        }
    }
    published
}

async fn publish_one(publisher: &Publisher, files: &[File]) -> Result<String, String> {
    let manifest = files
        .iter()
        .find(|(path, _)| *path == ochre_store::PACKAGE_JSON)
        .ok_or("sample has no package.json")?;
    let manifest = PackageJson::parse(manifest.1).map_err(|error| error.to_string())?;
    let name = manifest.name().unwrap_or_default().to_owned();
    let request = PublishRequest {
        name: name.clone(),
        version: manifest.version().unwrap_or_default().to_owned(),
        user_agent: Some(format!(
            "oc-cli-{}/v20.0.0-ochre",
            crate::settings::OC_VERSION
        )),
        principal: Principal { user: None },
        is_dry_run: false,
        upload: upload(files)?,
    };
    match publisher.publish(request).await {
        Ok(_) => Ok(name),
        // Another node on the same empty folder was quicker.
        Err(failure) if failure.status() == 403 => Ok(name),
        Err(failure) => Err(String::from_utf8_lossy(&failure.body()).into_owned()),
    }
}

fn upload(files: &[File]) -> Result<Upload, String> {
    let builder = files
        .iter()
        .fold(PackageBuilder::new(), |builder, (path, bytes)| {
            builder.file(*path, *bytes)
        });
    let archive = builder.build().map_err(|error| error.to_string())?;
    let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
    file.write_all(&archive)
        .map_err(|error| error.to_string())?;
    file.rewind().map_err(|error| error.to_string())?;
    Ok(Upload {
        file,
        length: archive.len() as u64,
    })
}
