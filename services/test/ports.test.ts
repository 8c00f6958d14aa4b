import { execFile } from 'node:child_process'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { areFree, claimPorts, type PortClaim } from '../src/ports.ts'

const servers: Server[] = []
const claims: PortClaim[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const claim of claims.splice(0)) claim[Symbol.dispose]()
})

async function take(port: number): Promise<number> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Claims ports until the test ends. */
async function claimed(preferred: Record<string, number>, kept?: readonly number[]) {
  const claim = await claimPorts(preferred, kept)
  claims.push(claim)
  return claim.ports
}

/** The ports that a claim gets, and lets go again. */
async function free(preferred: Record<string, number>) {
  using claim = await claimPorts(preferred)
  return claim.ports
}

test('ports are the usual ones where these are free, and others together where one is not', async () => {
  const usual = await free({ client: 17_310, inner: 17_311 })
  const inner = await take(usual['inner'] ?? 0)
  expect(await areFree({ inner })).toBe(false)
  const others = await free(usual)
  expect(others['client']).toBeGreaterThan(usual['client'] ?? 0)
  expect((others['inner'] ?? 0) - (others['client'] ?? 0)).toBe(1)
  expect(await areFree(others)).toBe(true)
})

test('ports that were given out are given to nobody else before a server listens there', async () => {
  const first = await claimed({ client: 17_330, inner: 17_331 })
  const beside = await Promise.all([1, 2, 3].map(() => claimed(first)))
  const all = [first, ...beside].flatMap((ports) => Object.values(ports))
  expect(new Set(all).size).toBe(8)
  // Nor where only one of them is the same.
  expect(Object.values(await claimed({ client: first['inner'] ?? 0 }))).not.toContain(
    first['inner'],
  )
})

test('ports that one process has claimed are not given to another one', async () => {
  const mine = await claimed({ client: 17_350 })
  const module = JSON.stringify(join(import.meta.dirname, '../src/ports.ts'))
  const script = `import(${module}).then(async ({ claimPorts }) => {
    const { ports } = await claimPorts({ client: ${mine['client']} })
    console.log(ports.client)
  })`
  const ask = async (): Promise<number> =>
    Number((await promisify(execFile)(process.execPath, ['-e', script])).stdout)
  expect(await ask()).toBeGreaterThan(mine['client'] ?? 0)
  for (const claim of claims.splice(0)) claim[Symbol.dispose]()
  expect(await ask()).toBe(mine['client'])
})

test('ports of a server that is down stay its own', async () => {
  const usual = await free({ client: 17_370 })
  const other = await claimed(usual, [usual['client'] ?? 0])
  expect(other['client']).toBeGreaterThan(usual['client'] ?? 0)
})
