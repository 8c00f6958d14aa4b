import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { java } from '../needs/java.ts'
import { demand } from '../needs/need.ts'
import { host, type Place, type Server } from '../server.ts'
import { buildHome, classPath, homeDirectory } from './elasticsearch-build.ts'

const version = '9.5.3'

const jars = {
  name: 'elasticsearch',
  artifacts: [
    `org.elasticsearch:elasticsearch:${version}`,
    `org.elasticsearch.plugin:transport-netty4:${version}`,
  ],
}

const jdk = java({ from: 21, compiler: true })

/**
 * One node over plain HTTP. Scripts, update and delete by query, ingest and what is sold with X-Pack
 * are other modules, which are not on Maven Central. Settings are those of elasticsearch.yml.
 */
export const elasticsearch: Server = {
  name: 'elasticsearch',
  about: `Elasticsearch ${version}`,
  ports: { client: 19200, transport: 19201 },
  needs: [jdk],
  jars,
  startLimitMs: 120_000,
  stopLimitMs: 30_000,

  build: async (report) => buildHome(jars, demand(jdk), version, report),

  async prepare({ directory }) {
    mkdirSync(join(directory, 'config'), { recursive: true })
    writeFileSync(join(directory, 'log4j2.properties'), logging)
  },

  command: ({ directory, id, ports, options }) => {
    const settings = {
      'path.home': homeDirectory(jars),
      'path.data': join(directory, 'data'),
      'path.logs': join(directory, 'logs'),
      'cluster.name': id,
      'node.name': 'daybook',
      'discovery.type': 'single-node',
      'network.host': host,
      'http.port': ports.client,
      'transport.port': ports['transport'],
      // A disk that is nearly full is no reason to refuse a test's few documents.
      'cluster.routing.allocation.disk.threshold_enabled': false,
      ...options.settings,
    }
    return {
      program: join(demand(jdk), 'bin', 'java'),
      args: [
        ...['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
        '--enable-native-access=ALL-UNNAMED',
        '-Dlog4j2.configurationFile=log4j2.properties',
        ...['-cp', classPath(jars), 'EmbeddedElasticsearch', 'config'],
        ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ],
    }
  },

  async answers(place) {
    const health = JSON.parse(await ask(place, 'GET', '/_cluster/health'))
    return health.cluster_name === place.id && health.status !== 'red'
  },

  /** Leaves what Elasticsearch keeps for itself: indices with a dot, templates that it manages. */
  async empty(place) {
    const names = await ask(place, 'GET', '/_cat/indices?h=index&expand_wildcards=all')
    const own = names.split('\n').filter((name) => name !== '' && !name.startsWith('.'))
    for (const name of own) await ask(place, 'DELETE', `/${name}`)
    const { index_templates: templates } = JSON.parse(await ask(place, 'GET', '/_index_template'))
    for (const { name, index_template: template } of templates) {
      if (template._meta?.managed !== true) await ask(place, 'DELETE', `/_index_template/${name}`)
    }
  },
}

async function ask({ ports }: Place, method: string, path: string): Promise<string> {
  const signal = AbortSignal.timeout(20_000)
  const response = await fetch(`http://${host}:${ports.client}${path}`, { method, signal })
  const text = await response.text()
  if (!response.ok) throw new Error(`Elasticsearch answers ${response.status} to ${path}: ${text}`)
  return text
}

const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`
