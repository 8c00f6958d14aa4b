import { createServer } from 'node:net'

/** Named ports of a server, such as `client` and `controller`. */
export type Ports = Readonly<Record<string, number>>

/** Between the ports of one instance of a server and those of the next. */
const step = 10
const steps = 100

/**
 * The server's own ports if nobody listens there, or else the first set above them that is free. All
 * lie below those that a system hands out by itself, so that a server which is down for a moment
 * finds its port free when it comes back.
 */
export async function freePorts(preferred: Ports): Promise<Ports> {
  for (let index = 0; index < steps; index++) {
    const ports = Object.fromEntries(
      Object.entries(preferred).map(([name, port]) => [name, port + index * step]),
    )
    if (await areFree(ports)) return ports
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

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
