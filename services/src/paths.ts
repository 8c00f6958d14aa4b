import { dirname, join } from 'node:path'

/** The folder of this package: checksums, sources of the servers' launchers. */
export const packageDirectory = dirname(import.meta.dirname)

const dotDirectory = join(dirname(packageDirectory), '.daybook')

/** Where downloads are kept. `DAYBOOK_CACHE` names another place, such as one that CI keeps. */
export const cacheDirectory = (): string =>
  process.env['DAYBOOK_CACHE'] ?? join(dotDirectory, 'cache')

/** Where running servers have their data and logs: one folder each. */
export const runDirectory = (): string =>
  process.env['DAYBOOK_SERVICES'] ?? join(dotDirectory, 'services')
