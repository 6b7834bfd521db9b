//! One line per component: the macro behind the list of every role.

use burn::module::Module;
use burn::tensor::Device;
use sensorium_core::ConfigError;

use crate::pretrained::{Adopted, Naming, Published};

/// Makes a component from its config. Apart from the role's running trait, which stays
/// object-safe.
pub trait Build: Module {
    /// What the user wrote.
    type Config: Clone + Default;
    /// The sizes of what the component will read.
    type Input;

    /// Builds the component with freshly drawn weights.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field outside its documented range, its path relative to the
    /// component's section.
    fn build(
        config: &Self::Config,
        input: &Self::Input,
        device: &Device,
    ) -> Result<Self, ConfigError>;

    /// The names that published weights of this component have, one entry for each publisher; none
    /// where nobody publishes any.
    fn namings(_config: &Self::Config) -> Vec<Naming> {
        Vec::new()
    }

    /// What a published model says of this component and of what it reads.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for what is published but not built here.
    fn adopted(_published: &Published) -> Result<Adopted, ConfigError> {
        Ok(Adopted::default())
    }
}

/// Writes the parts of a role that must name every component, from one line for each:
/// the config enum that a config is read into, the module enum that a model holds, the step from
/// the one to the other, and the list that contract tests, `sensorium components` and the docs
/// walk.
macro_rules! components {
    ($(#[$meta:meta])* $config:ident => $any:ident: dyn $role:ident from $input:ty {
        $($name:literal => $module:ident::$component:ident, $summary:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "type")]
        pub enum $config {
            $(
                #[doc = $summary]
                #[serde(rename = $name)]
                $component(<$module::$component as $crate::Build>::Config),
            )+
        }

        #[doc = concat!("Any component that plays [`", stringify!($role), "`].")]
        #[derive(burn::module::Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a model holds few components")]
        pub enum $any {
            $(
                #[doc = $summary]
                $component($module::$component),
            )+
        }

        impl $config {
            /// Every name that `type` may have, with a line on each.
            pub const COMPONENTS: &'static [(&'static str, &'static str)] =
                &[$(($name, $summary)),+];

            /// Reads the component called `name` from the rest of its section.
            ///
            /// # Errors
            ///
            /// [`sensorium_core::ConfigError`] for an unknown name, key or value.
            pub fn read(
                name: &str,
                section: serde_json::Value,
            ) -> Result<Self, sensorium_core::ConfigError> {
                match name {
                    $($name => sensorium_core::config::read(section).map(Self::$component),)+
                    _ => Err(sensorium_core::ConfigError::unknown_value(
                        "type",
                        name,
                        Self::COMPONENTS.iter().map(|(name, _)| *name),
                    )),
                }
            }

            /// The component's name in a config.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$component(_) => $name,)+ }
            }

            /// The names that published weights of the component have, by publisher.
            pub fn namings(&self) -> Vec<$crate::pretrained::Naming> {
                match self {
                    $(Self::$component(config) => {
                        <$module::$component as $crate::Build>::namings(config)
                    })+
                }
            }

            /// What a published model says of the component called `name`.
            ///
            /// # Errors
            ///
            /// [`sensorium_core::ConfigError`] for what is published but not built here.
            pub fn adopted(
                name: &str,
                published: &$crate::pretrained::Published,
            ) -> Result<$crate::pretrained::Adopted, sensorium_core::ConfigError> {
                match name {
                    $($name => <$module::$component as $crate::Build>::adopted(published),)+
                    _ => Ok($crate::pretrained::Adopted::default()),
                }
            }

            /// Builds the component with freshly drawn weights.
            ///
            /// # Errors
            ///
            /// [`sensorium_core::ConfigError`] for the first field outside its range.
            pub fn build(
                &self,
                input: &$input,
                device: &burn::tensor::Device,
            ) -> Result<$any, sensorium_core::ConfigError> {
                match self {
                    $(Self::$component(config) => {
                        <$module::$component as $crate::Build>::build(config, input, device)
                            .map($any::$component)
                    })+
                }
            }
        }

        impl $any {
            /// The component in its role.
            pub fn as_dyn(&self) -> &dyn $role {
                match self { $(Self::$component(component) => component,)+ }
            }
        }
    };
}
