/**
 * An application in a process of its own, to be killed: it keeps what it was sent in a file, compares
 * versions by what the file holds, and answers once that is written.
 */
import { appendFileSync, existsSync, readFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'

export interface ApplicationTask {
  readonly port: number
  readonly file: string
}

interface Sent {
  readonly key: string
  readonly version: string
  readonly payload: unknown
}

const { port, file }: ApplicationTask = JSON.parse(process.argv[2] ?? '{}')
const held = new Map<string, bigint>()
const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
// A line that was cut off by the kill was never answered for.
for (const line of lines.slice(0, -1)) {
  const { key, version } = JSON.parse(line) as Sent
  held.set(key, BigInt(version))
}

const server = createServer((request, response) => {
  let text = ''
  request.on('data', (part) => {
    text += part
  })
  request.on('end', () => {
    const { records } = JSON.parse(text) as { readonly records: readonly (Sent & { id: string })[] }
    const results = records.map(({ id, key, version, payload }) => {
      if ((payload as { readonly bad?: boolean }).bad) {
        return { id, status: 422, code: 'no_title', message: 'a film needs a title' }
      }
      if (BigInt(version) <= (held.get(key) ?? 0n)) return { id, status: 'superseded' }
      appendFileSync(file, `${JSON.stringify({ key, version, payload })}\n`)
      held.set(key, BigInt(version))
      return { id, status: 'applied' }
    })
    response.writeHead(207, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
  })
})
server.listen(port, '127.0.0.1', () => {
  writeSync(1, `listening ${(server.address() as { port: number }).port}\n`)
})
