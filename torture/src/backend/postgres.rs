//! A schema of a PostgreSQL database. It has the name of the folder, so that both are found together.

use std::path::Path;
use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::runtime::Builder;

use crate::Failure;

fn schema(directory: &Path) -> Result<&str, Failure> {
    let name = directory.file_name().and_then(|it| it.to_str());
    Ok(name.ok_or("the folder has no name that a schema could have")?)
}

pub(super) async fn open(directory: &Path, url: &str) -> Result<Arc<dyn Provider>, Failure> {
    let options = PostgresOptions::default().schema(schema(directory)?);
    Ok(Arc::new(PostgresProvider::new(url, Some(options)).await?))
}

pub(super) fn remove(directory: &Path, url: &str) -> Result<(), Failure> {
    let name = schema(directory)?.replace('"', "\"\"");
    let drop = format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE");
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let drop = sqlx::raw_sql(AssertSqlSafe(drop));
        drop.execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    })
}
