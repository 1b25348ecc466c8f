//! The real binary, as an operator and a script use it.

#[cfg(test)]
mod answer;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod first_start;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod patience;
#[cfg(test)]
mod run;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod words;
