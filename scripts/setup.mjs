// @ts-check
// Brings a fresh clone to the point where everything else can run. It needs nothing but Node 20 and
// npm: no package is installed yet when it starts.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { SetupError } from './tools.mjs'

/**
 * Installs the workspace's packages unless the ones in place belong to this very lockfile.
 *
 * @param {string} root the workspace's directory
 * @returns {Promise<void>}
 */
export async function ensureInstalled(root) {
  const stampPath = join(root, 'node_modules', '.daybook-setup')
  const fingerprint = installFingerprint(root)
  const upToDate =
    existsSync(stampPath) &&
    readFileSync(stampPath, 'utf8') === fingerprint &&
    existsSync(nodeBinary(root))
  if (upToDate) return
  await install(root)
  if (!existsSync(nodeBinary(root))) {
    throw new SetupError(
      'The packages are installed, but Node 24 is not among them: npm has no ready-made Node for ' +
        `${process.platform}-${process.arch}. Install Node 24 yourself and run pnpm's scripts with it.`,
    )
  }
  writeFileSync(stampPath, fingerprint)
}

/**
 * The Node 24 that the workspace brings along as a package.
 *
 * @param {string} root
 */
export function nodeBinary(root) {
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  return join(root, 'node_modules', 'node', 'bin', file)
}

/**
 * Changes whenever another install is needed: with the lockfile, with the dependencies and settings
 * that the manifests name, and with the platform. Scripts and descriptions do not count.
 *
 * @param {string} root
 */
export function installFingerprint(root) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    hash.update(readFileSync(join(root, file)))
  }
  for (const directory of ['.', ...workspaceDirectories(root)]) {
    const manifest = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'))
    const { name, packageManager, dependencies, devDependencies } = manifest
    const { optionalDependencies, peerDependencies, bin } = manifest
    const relevant = [name, packageManager, dependencies, devDependencies]
    hash.update(
      JSON.stringify([directory, ...relevant, optionalDependencies, peerDependencies, bin]),
    )
  }
  return `${hash.digest('hex')}\n`
}

/**
 * The directories that the workspace file's `packages` list names; a trailing `/*` stands for every
 * folder with a manifest.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function workspaceDirectories(root) {
  const text = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')
  const list = /^packages:\n((?: +- .*\n)+)/m.exec(text)?.[1] ?? ''
  const patterns = [...list.matchAll(/- *['"]?([^'"\s]+)/g)].map((match) => match[1] ?? '')
  return patterns
    .flatMap((pattern) => {
      if (!pattern.endsWith('/*')) return [pattern]
      const parent = pattern.slice(0, -2)
      if (!existsSync(join(root, parent))) return []
      return readdirSync(join(root, parent))
        .sort()
        .map((name) => `${parent}/${name}`)
    })
    .filter((directory) => existsSync(join(root, directory, 'package.json')))
}

/** @param {string} root */
async function install(root) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  console.log(`Setting up: installing packages with ${packageManager} (once; about 20 s) …`)
  const started = Date.now()
  const heartbeat = setInterval(
    () => console.log(`  still installing, ${seconds(started)} …`),
    15_000,
  )
  const args = ['-y', packageManager, 'install', '--frozen-lockfile', '--reporter=append-only']
  // Without this pnpm would stop and ask before it replaces packages that another pnpm installed.
  args.push('--config.confirm-modules-purge=false')
  const { code, output } = await capture('npx', args, root)
  clearInterval(heartbeat)
  if (code !== 0) throw new SetupError(explain(output, packageManager))
  console.log(`Packages ready after ${seconds(started)}.`)
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} root
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function capture(command, args, root) {
  // The workspace's own Node may be missing a moment while it is installed anew: keep off it.
  const ownBin = join(root, 'node_modules', '.bin')
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== ownBin)
  // Give up on a silent registry after ten seconds rather than a minute, unless told otherwise.
  const patience = {
    npm_config_fetch_retry_mintimeout: '1000',
    npm_config_fetch_retry_maxtimeout: '9000',
  }
  const env = { ...patience, ...process.env, PATH: path.join(delimiter) }
  return new Promise((resolve) => {
    const windows = process.platform === 'win32' // where npx is a script for the shell
    const child = spawn(command, args, {
      cwd: root,
      env,
      shell: windows,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => resolve({ code: 1, output: `${output}\n${error.message}` }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|SOCKET_TIMEOUT|META_FETCH_FAIL/

/**
 * @param {string} output
 * @param {string} packageManager
 */
function explain(output, packageManager) {
  const lines = output.split('\n').filter((line) => !/^(npm error)? +at /.test(line))
  const tail = lines.join('\n').trim().split('\n').slice(-15).join('\n')
  if (unreachable.test(output)) {
    return (
      `${tail}\n\nThe packages could not be fetched: the npm registry does not answer. The first run needs a ` +
      'network connection (or a mirror named in your npm configuration). Then run the same command again.'
    )
  }
  if (output.includes('ERR_PNPM_OUTDATED_LOCKFILE')) {
    return `${tail}\n\nA package.json and pnpm-lock.yaml disagree. Run: npx ${packageManager} install`
  }
  if (output.includes('ENOSPC'))
    return `${tail}\n\nThe disk is full: the packages need about 600 MB.`
  return (
    `${tail}\n\nInstalling the packages failed. If node_modules is left from something else, remove it and run ` +
    'the same command again.'
  )
}

/** @param {number} since */
function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
