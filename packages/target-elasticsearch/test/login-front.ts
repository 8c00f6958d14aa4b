import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Upstream } from '@daybook/services'

/** Where a front listens, and which key it lets in. */
export interface LoginFront extends AsyncDisposable {
  readonly address: string
  /** From now on this key is let in, and no other. */
  accept(apiKey: string): void
}

/**
 * Stands before a node that knows no logins, and answers as one with security does to credentials
 * that it does not know: 401, with the body and headers that the documentation shows. Security is a
 * module that cannot be fetched here.
 */
export async function loginFront({ host, port: behind }: Upstream): Promise<LoginFront> {
  let accepted = ''
  const server = createServer((incoming, outgoing) => {
    if (incoming.headers.authorization !== `ApiKey ${accepted}`) {
      incoming.resume()
      const type = 'application/vnd.elasticsearch+json;compatible-with=9'
      const headers = { 'content-type': type, 'x-elastic-product': 'Elasticsearch' }
      outgoing.writeHead(401, { ...headers, 'www-authenticate': 'ApiKey' }).end(refusal)
      return
    }
    const { method, url: path, headers } = incoming
    const passed = request({ host, port: behind, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    accept(apiKey) {
      accepted = apiKey
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const error = {
  type: 'security_exception',
  reason:
    'unable to authenticate with provided credentials and anonymous access is not allowed for this request',
}
const refusal = JSON.stringify({ error: { root_cause: [error], ...error }, status: 401 })
