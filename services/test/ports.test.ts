import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { areFree, freePorts } from '../src/ports.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function take(port: number): Promise<number> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test('ports are the usual ones where these are free, and others together where one is not', async () => {
  const usual = await freePorts({ client: 17_310, inner: 17_311 })
  const inner = await take(usual['inner'] ?? 0)
  expect(await areFree({ inner })).toBe(false)
  const others = await freePorts(usual)
  expect(others['client']).toBeGreaterThan(usual['client'] ?? 0)
  expect((others['inner'] ?? 0) - (others['client'] ?? 0)).toBe(1)
  expect(await areFree(others)).toBe(true)
})
