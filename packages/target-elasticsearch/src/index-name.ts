const forbidden = ['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']

/** Longest name of an index, in bytes. Source: Elasticsearch reference, "Create index", path parameters. */
const longestBytes = 255

/** Why Elasticsearch takes this for no name of an index, alias or data stream; undefined if it may. */
export function indexNameFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return `is no text, but ${name === null ? 'null' : typeof name}`
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return `must not be "${name}"`
  if ('-_+'.includes(name.charAt(0))) return `must not start with "${name.charAt(0)}": "${name}"`
  if (name !== name.toLowerCase()) return `must be in lower case: "${name}"`
  const found = forbidden.find((character) => name.includes(character))
  if (found !== undefined) return `must not contain "${found}": "${name}"`
  const bytes = Buffer.byteLength(name)
  return bytes > longestBytes ? `must not be longer than ${longestBytes} bytes` : undefined
}
