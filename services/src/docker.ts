import { spawnSync } from 'node:child_process'

/** Variables that `compose.yaml` reads. */
export type Variables = Readonly<Record<string, string>>

/** Runs `docker` and returns what it prints; throws what it says where it fails. */
export function docker(args: readonly string[], variables: Variables = {}): string {
  const { status, stdout, stderr, error } = spawnSync('docker', args, {
    encoding: 'utf8',
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 256 * 1024 * 1024,
  })
  if (status !== 0) throw error ?? new Error(`docker ${args.join(' ')} failed:\n${stderr}`)
  return stdout
}

/**
 * The version of the engine that answers here, if one does and can compose: a client alone, as many
 * machines have it, runs nothing. `DAYBOOK_DOCKER=no` leaves it alone.
 */
export function dockerEngine(): string | undefined {
  if (process.env['DAYBOOK_DOCKER'] === 'no') return undefined
  try {
    docker(['compose', 'version'])
    return docker(['version', '--format', '{{.Server.Version}}']).trim()
  } catch {
    return undefined
  }
}
