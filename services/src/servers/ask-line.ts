import { connect } from 'node:net'
import { host } from '../server.ts'

/** Sends one line to a server with a protocol of lines, and returns the first line of its answer. */
export function askLine(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 5_000 })
    let answer = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
      const end = answer.indexOf('\r\n')
      if (end < 0) return
      resolve(answer.slice(0, end))
      socket.destroy()
    })
    socket.on('timeout', () => socket.destroy(new Error(`No answer to ${line} for 5 s.`)))
    socket.on('error', reject)
    socket.on('close', () =>
      reject(new Error(`The connection ended without an answer to ${line}.`)),
    )
    socket.write(`${line}\r\n`)
  })
}

/** Asks like {@link askLine}, and throws unless the answer is the one that means success. */
export async function command(port: number, line: string, success: string): Promise<void> {
  const answer = await askLine(port, line)
  if (answer !== success) throw new Error(`The answer to ${line} is ${answer}.`)
}
