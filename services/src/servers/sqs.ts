import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jarsDirectory } from '../maven.ts'
import { java } from '../needs/java.ts'
import { demand } from '../needs/need.ts'
import { host, type Place, properties, type Server } from '../server.ts'

const jars = { name: 'sqs', artifacts: ['org.elasticmq:elasticmq-server_3:1.7.1'] }

const runtime = java({ from: 17, to: 25 })

/** ElasticMQ, which speaks SQS. Any region and credentials will do. It keeps all in an H2 file. */
export const sqs: Server = {
  name: 'sqs',
  about: 'ElasticMQ 1.7.1',
  ports: { client: 19324 },
  needs: [runtime],
  jars,
  startLimitMs: 90_000,
  stopLimitMs: 15_000,

  async prepare({ directory, ports, options }) {
    mkdirSync(join(directory, 'data'), { recursive: true })
    const own = properties(options.settings ?? {})
    writeFileSync(join(directory, 'elasticmq.conf'), configuration(ports.client) + own)
  },

  command: () => ({
    program: join(demand(runtime), 'bin', 'java'),
    args: [
      ...['-Xms32m', '-Xmx256m', '-XX:+UseSerialGC', '-Dconfig.file=elasticmq.conf'],
      ...['-cp', join(jarsDirectory(jars), '*'), 'org.elasticmq.server.Main'],
    ],
  }),

  async answers(place) {
    await ask(place, { Action: 'ListQueues' })
    return true
  },

  /** Deletes the queues; a purge would leave them behind. */
  async empty(place) {
    const answer = await ask(place, { Action: 'ListQueues' })
    for (const [, QueueUrl = ''] of answer.matchAll(/<QueueUrl>([^<]*)<\/QueueUrl>/g)) {
      await ask(place, { Action: 'DeleteQueue', QueueUrl })
    }
  },
}

/** Asks as SQS was asked before it took JSON: a form, answered in XML. */
async function ask({ ports }: Place, form: Record<string, string>): Promise<string> {
  const response = await fetch(`http://${host}:${ports.client}/`, {
    method: 'POST',
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(5_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`The SQS server answers ${response.status}: ${text}`)
  return text
}

const configuration = (port: number): string => `
include classpath("application.conf")
node-address { protocol = http, host = "${host}", port = ${port}, context-path = "" }
generate-node-address = false
rest-sqs { enabled = true, bind-hostname = "${host}", bind-port = ${port}, sqs-limits = strict }
rest-stats { enabled = false }
aws { region = "us-east-1", accountId = "000000000000" }
queues-storage { enabled = true, path = "data/queues.conf" }
messages-storage {
  enabled = true
  driver-class = "org.h2.Driver"
  uri = "jdbc:h2:./data/elasticmq;WRITE_DELAY=0"
  username = "sa"
  password = ""
}
`
