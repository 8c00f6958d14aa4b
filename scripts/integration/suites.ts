import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServerName, serverNames } from '../../services/src/servers/index.ts'

/** A server that suites share, or one that a suite starts by itself, so that it waits for nobody's turn. */
export type Need = ServerName | `own ${ServerName}`

/** A test file that runs against real servers. */
export interface Suite {
  /** Relative to the repository. */
  readonly path: string
  /** The servers that its first line names. */
  readonly needs: readonly Need[]
}

/** Which server it is. */
export function serverOf(need: Need): ServerName {
  return need.replace(/^own /, '') as ServerName
}

/** Every such test file. One that does not say what it needs, or not right, is an error. */
export function findSuites(root: string): readonly Suite[] {
  return globSync('{packages/*,examples/*,services,bench}/test/integration/**/*.test.ts', {
    cwd: root,
  })
    .sort()
    .map((path) => ({ path, needs: readNeeds(path, readFileSync(join(root, path), 'utf8')) }))
}

/** What the first line of a test file says: `// needs: kafka, sqs`, or `// needs: own kafka`. */
export function readNeeds(path: string, text: string): readonly Need[] {
  const names = /^\/\/ needs: (.+)/.exec(text)?.[1]?.split(', ')
  const isNeed = (name: string): name is Need =>
    (serverNames as readonly string[]).includes(serverOf(name as Need))
  if (names?.every(isNeed) === true) return names
  throw new Error(
    `${path} must begin with a line like "// needs: ${serverNames.slice(0, 2).join(', ')}", with names ` +
      `of ${serverNames.join(', ')}.`,
  )
}
