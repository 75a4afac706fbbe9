import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { testSeriesStore } from "../../support/series_store.ts";

testSeriesStore("PgliteDatabase", migratedPglite);
testSeriesStore("PostgresDatabase", migratedPostgres);
