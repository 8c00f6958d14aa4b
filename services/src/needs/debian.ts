import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import type { Report } from '../report.ts'

/** The command by which a person gets Debian packages. */
export function debianRemedy(packages: readonly string[]): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  return `${sudo}apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

/** True where packages can be installed without asking anybody: as root, with apt-get. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

/**
 * Installs Debian packages. Package lists are fetched first, since those that a machine was made with
 * name versions that are gone. apt verifies every package by Debian's signature.
 */
export function installPackages(packages: readonly string[], report: Report): void {
  report(`installing Debian's ${packages.join(', ')}`)
  const restore = forbidDaemons()
  try {
    aptGet('update')
    aptGet('install', '-y', '--no-install-recommends', ...packages)
  } finally {
    restore()
  }
}

function aptGet(...args: readonly string[]): void {
  const options = ['-qq', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=300']
  const { status, stdout, stderr } = spawnSync('apt-get', [...options, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status === 0) return
  throw new Error(`apt-get ${args.join(' ')} failed:\n${stdout}${stderr}`)
}

const policy = '/usr/sbin/policy-rc.d'

/** Keeps packages from starting their servers while they are installed: we start our own. */
function forbidDaemons(): () => void {
  if (existsSync(policy)) return () => {}
  writeFileSync(policy, '#!/bin/sh\nexit 101\n')
  chmodSync(policy, 0o755)
  return () => rmSync(policy, { force: true })
}
