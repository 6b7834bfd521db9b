//! What preprocessing learned from the train rows.

use burn::tensor::Device;
use sensorium_core::{ColumnName, ConfigError};
use sensorium_modality::FittedModality;
use sensorium_modality::pipeline::{FeatureSource, RowFeatures};
use sensorium_modality::target::FittedTarget;
use sensorium_model::pretrained::Published;
use sensorium_model::{FeatureBatch, Model};
use sensorium_table::{Column, Table, TableError, TrainRows};
use serde::{Deserialize, Serialize};

use crate::{BundleError, Config};

/// The fitted state of every input and output, in the config's order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fitted {
    /// One for each input feature.
    pub inputs: Vec<FittedModality>,
    /// One for each output feature.
    pub targets: Vec<FittedTarget>,
}

impl Fitted {
    /// Fits every input and output on the train rows.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where a column has nothing to fit on or a target has one class.
    pub fn fit(config: &Config, table: &Table, rows: &TrainRows) -> Result<Self, BundleError> {
        let mut inputs = Vec::with_capacity(config.input_features.len());
        for feature in &config.input_features {
            inputs.push(feature.modality.fit(table.column(&feature.column)?, rows)?);
        }
        let mut targets = Vec::with_capacity(config.output_features.len());
        for feature in &config.output_features {
            targets.push(feature.target.fit(table.column(&feature.column)?, rows)?);
        }
        Ok(Self { inputs, targets })
    }

    /// The inputs' cells of a table as features. A column that the table lacks is absent in every
    /// row.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoInputs`] where the table has none of the columns, [`BundleError::Table`] where
    /// it has one that cannot be read.
    pub fn features<'a>(
        &'a self,
        config: &Config,
        table: &'a Table,
    ) -> Result<FeatureSource<'a>, BundleError> {
        let mut columns = Vec::with_capacity(self.inputs.len());
        for (input, fitted) in config.input_features.iter().zip(&self.inputs) {
            columns.push((present(table, &input.column)?, fitted));
        }
        if columns.iter().all(|(column, _)| column.is_none()) {
            let inputs = config.input_features.iter().map(|input| input.column.to_string());
            return Err(BundleError::NoInputs { inputs: inputs.collect() });
        }
        Ok(FeatureSource::new(columns))
    }

    /// As [`Fitted::features`], with the changes that the config's augmentation makes in training.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoInputs`] where the table has none of the columns.
    pub fn training_features<'a>(
        &'a self,
        config: &'a Config,
        table: &'a Table,
    ) -> Result<FeatureSource<'a>, BundleError> {
        let lists = config.input_features.iter().map(|input| &input.augmentation);
        Ok(self.features(config, table)?.with_augmentation(lists.collect()))
    }

    /// A model of the config's shape, ready to be trained: published weights where the config names
    /// some and freshly drawn ones elsewhere, and what is not to be trained frozen.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where a component cannot be built for these features, or published weights
    /// do not fit it.
    pub fn build_model(&self, config: &Config, device: &Device) -> Result<Model, BundleError> {
        let mut model = Model::build(&config.model_spec(self), device)?;
        for (input, feature) in config.input_features.iter().enumerate() {
            if let Some(path) = &feature.pretrained {
                model = model.with_published(input, &Published::open(path)?)?;
            }
        }
        Ok(model.prepared())
    }

    /// A model of the config's shape whose weights are still to be loaded.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a component cannot be built for these features.
    pub fn unloaded_model(&self, config: &Config, device: &Device) -> Result<Model, ConfigError> {
        Model::unloaded(&config.model_spec(self), device)
    }

    /// Stacks rows into one batch for each input; `hidden(row, input)` makes a cell absent.
    pub fn collate(
        &self,
        rows: &[&RowFeatures],
        hidden: impl Fn(usize, usize) -> bool,
        device: &Device,
    ) -> Vec<FeatureBatch> {
        let batch = |(input, fitted): (usize, &FittedModality)| {
            let cells = rows.iter().enumerate().map(|(row, features)| {
                features.features[input].as_ref().filter(|_| !hidden(row, input))
            });
            let cells: Vec<_> = cells.collect();
            FeatureBatch::collate(&cells, &fitted.shape(), device)
        };
        self.inputs.iter().enumerate().map(batch).collect()
    }
}

/// The column, or none where the table lacks it; one that is there and cannot be read is no absent
/// one.
fn present<'a>(table: &'a Table, name: &ColumnName) -> Result<Option<Column<'a>>, TableError> {
    match table.column(name) {
        Ok(column) => Ok(Some(column)),
        Err(TableError::UnknownColumn { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
