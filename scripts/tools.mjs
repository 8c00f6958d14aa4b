// @ts-check

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Says what went wrong in words a user can act on; the caller prints it without a stack. */
export class SetupError extends Error {}

/** Which package a tool comes in, where its name is another. */
const packages = /** @type {Record<string, string>} */ ({
  attw: '@arethetypeswrong/cli',
  biome: '@biomejs/biome',
  changeset: '@changesets/cli',
  tsc: 'typescript',
})

/**
 * The script behind a tool of the workspace, such as `vitest`. Run by Node itself rather than through
 * node_modules/.bin, whose shell scripts pass no signals on.
 *
 * @param {string} root
 * @param {string} tool
 * @returns {string}
 */
export function toolScript(root, tool) {
  const directory = join(root, 'node_modules', packages[tool] ?? tool)
  const manifestPath = join(directory, 'package.json')
  if (!existsSync(manifestPath)) throw new SetupError(`No tool named ${tool} is installed.`)
  const { bin } = JSON.parse(readFileSync(manifestPath, 'utf8'))
  return join(directory, typeof bin === 'string' ? bin : bin[tool])
}
