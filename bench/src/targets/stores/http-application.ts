import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

// Run as a process of its own, which sends its port to whoever started it, and ends with them.

/** By path: the newest version of each key. */
const places = new Map<string, Map<string, string>>()

const server = createServer(async (request, response) => {
  const place = placeOf(`${request.url}`)
  if (request.method === 'GET') return response.end(`${place.size}`)
  for (const { key, version } of await recordsIn(request)) {
    const held = place.get(key)
    if (held === undefined || held < version) place.set(key, version)
  }
  return response.writeHead(204).end()
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit())

function placeOf(path: string): Map<string, string> {
  const place = places.get(path) ?? new Map<string, string>()
  places.set(path, place)
  return place
}

interface Received {
  readonly key: string
  readonly version: string
}

/** One record, or all that a batch has. */
async function recordsIn(request: IncomingMessage): Promise<readonly Received[]> {
  const body = JSON.parse(Buffer.concat(await request.toArray()).toString('utf8'))
  return body.records ?? [body]
}
