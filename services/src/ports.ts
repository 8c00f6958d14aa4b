import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lockNow } from './lock.ts'

/** Named ports of a server, such as `client` and `controller`. */
export type Ports = Readonly<Record<string, number>>

/** Ports that nobody else on this machine is given, until they are let go or this process ends. */
export interface PortClaim extends Disposable {
  readonly ports: Ports
}

/** Between the ports of one instance of a server and those of the next. */
const step = 10
const steps = 100

/**
 * The server's own ports if nobody listens there or has claimed them, or else the first set above them
 * of which that is true. Let go of them once the server listens: from then on it is seen. All lie below
 * those that a system hands out by itself, so that a server which is down for a moment finds its port
 * free when it comes back.
 *
 * @param kept Ports that are to be left alone though nobody listens: those of servers that are down.
 */
export async function claimPorts(
  preferred: Ports,
  kept: Iterable<number> = [],
): Promise<PortClaim> {
  const notThese = new Set(kept)
  for (let index = 0; index < steps; index++) {
    const ports = Object.fromEntries(
      Object.entries(preferred).map(([name, port]) => [name, port + index * step]),
    )
    if (Object.values(ports).some((port) => notThese.has(port))) continue
    const letGo = claim(Object.values(ports))
    if (letGo === undefined) continue
    // Looked at under the claim: whoever had it before has let go because its server listens now.
    if (await areFree(ports)) return { ports, [Symbol.dispose]: letGo }
    letGo()
  }
  throw new Error(`No free ports found from ${Object.values(preferred).join(', ')} upwards.`)
}

/** True if nothing listens on any of these ports of the loopback address. */
export async function areFree(ports: Ports): Promise<boolean> {
  for (const port of Object.values(ports)) {
    if (!(await isFree(port))) return false
  }
  return true
}

/** All of them or none. Answers how to let go. */
function claim(ports: readonly number[]): (() => void) | undefined {
  const held: (() => void)[] = []
  const letGo = (): void => {
    for (const release of held) release()
  }
  for (const port of ports) {
    const release = lockNow(join(claimsDirectory(), `${port}.lock`))
    if (release === undefined) {
      letGo()
      return undefined
    }
    held.push(release)
  }
  return letGo
}

/** One for the whole machine, as ports are, whatever working copy of the repository asks. */
const claimsDirectory = (): string =>
  join(tmpdir(), `daybook-ports-${process.getuid?.() ?? 'of-all'}`)

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
