import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { debianRemedy } from './debian.ts'
import type { Need } from './need.ts'

/** A program that a Debian package of its own brings. */
export function program(name: string, fromPackage: string): Need {
  return {
    what: name,
    find: () => findProgram(name),
    remedy: debianRemedy([fromPackage]),
    packages: [fromPackage],
  }
}

/** Where a program lies: on the PATH, or where distributions put servers. */
export function findProgram(name: string): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '')
  const places = [...path, '/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin']
  return places.map((place) => join(place, name)).find(isExecutable)
}

/** The first executable file that a pattern finds, the newest version first. */
export function findNewest(pattern: string): string | undefined {
  const byVersion = new Intl.Collator('en', { numeric: true })
  return globSync(pattern)
    .filter(isExecutable)
    .sort((a, b) => byVersion.compare(b, a))[0]
}

/** True for a file that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
