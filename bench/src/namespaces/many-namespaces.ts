import { bytesCodec, createWal, defineTarget } from '@daybook/core'

const nothing = defineTarget(async () => {})

/** The names of so many namespaces. */
export function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `tenant-${index}`)
}

/** A wal in which each of the names is a namespace with a log of its own and one target. */
export function openNamespaces(directory: string, names: readonly string[]) {
  const options = { codec: bytesCodec, targets: { nothing } }
  const namespaces = Object.fromEntries(names.map((name) => [name, options]))
  return createWal({ directory, namespaces })
}
