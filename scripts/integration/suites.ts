import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerName, serverNames } from '../../services/src/servers/index.ts'

/** A test file that runs against real servers. */
export interface Suite {
  /** Relative to the repository. */
  readonly path: string
  /** The servers that its first line names. */
  readonly needs: readonly ServerName[]
}

/** Every such test file. One that does not say what it needs, or not right, is an error. */
export function findSuites(root: string): readonly Suite[] {
  return globSync('{packages/*,examples/*,services,bench}/test/integration/**/*.test.ts', {
    cwd: root,
  })
    .sort()
    .map((path) => ({ path, needs: readNeeds(path, readFileSync(join(root, path), 'utf8')) }))
}

/** What the first line of a test file says: `// needs: kafka, sqs`. */
export function readNeeds(path: string, text: string): readonly ServerName[] {
  const names = /^\/\/ needs: (.+)/.exec(text)?.[1]?.split(', ')
  const isServer = (name: string): name is ServerName =>
    (serverNames as readonly string[]).includes(name)
  if (names?.every(isServer) === true) return names
  throw new Error(
    `${path} must begin with a line like "// needs: ${serverNames.slice(0, 2).join(', ')}", with names ` +
      `of ${serverNames.join(', ')}.`,
  )
}
