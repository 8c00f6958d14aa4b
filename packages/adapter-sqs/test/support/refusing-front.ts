import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What Amazon's service says, and a local server never does. */
const refusals = {
  denied: [403, { __type: 'com.amazonaws.sqs#AccessDeniedException', message: 'Not you' }],
  expired: [403, { __type: 'com.amazon.coral.service#ExpiredTokenException', message: 'Too old' }],
  throttled: [400, { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'Slow down' }],
} as const

/** Stands before a server, passes on what is asked of it, or refuses to have messages sent. */
export class RefusingFront {
  refusal: keyof typeof refusals | undefined
  readonly #behind: string
  readonly #server = createServer((asked, answer) => this.#answer(asked, answer))

  private constructor(behind: string) {
    this.#behind = behind
  }

  static async before(address: string): Promise<RefusingFront> {
    const front = new RefusingFront(address)
    await once(front.#server.listen(0, '127.0.0.1'), 'listening')
    return front
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #answer(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url, headers } = asked
    const isSend = headers['x-amz-target'] === 'AmazonSQS.SendMessageBatch'
    if (isSend && this.refusal !== undefined) {
      const [status, body] = refusals[this.refusal]
      asked.resume()
      answer.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      answer.end(JSON.stringify(body))
      return
    }
    const passed = request(`http://${this.#behind}${url}`, { ...(method && { method }), headers })
    passed.on('error', () => answer.destroy())
    passed.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    asked.pipe(passed)
  }
}
