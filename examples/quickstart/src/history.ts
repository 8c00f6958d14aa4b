/**
 * Tables and triggers that note each version a table's rows go through, in the order in which it
 * happened and in the same transaction. A service does not need it: it lets the demo's check see
 * for itself whether changes came in order, each once.
 */
export function historyOf(table: string): string {
  const note = `BEGIN
    INSERT INTO history (key, version) VALUES (new.key, new.version);
  END`
  return `
    CREATE TABLE IF NOT EXISTS history (
      seq INTEGER PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER IF NOT EXISTS note_insert AFTER INSERT ON ${table} ${note};
    CREATE TRIGGER IF NOT EXISTS note_update AFTER UPDATE ON ${table} ${note};
  `
}
