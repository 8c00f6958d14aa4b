/** What an error says, or what was thrown in place of one. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** A value as a message shows it: text in quotes and not too long. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 80)}'`
  return Array.isArray(value) ? 'an array' : String(value)
}
