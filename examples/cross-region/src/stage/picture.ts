import { LineChart, type LineSeriesOption } from 'echarts/charts'
import {
  GridComponent,
  type GridComponentOption,
  MarkAreaComponent,
  TitleComponent,
  type TitleComponentOption,
} from 'echarts/components'
import { type ComposeOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { LagLog } from './lag-log.ts'

use([LineChart, GridComponent, MarkAreaComponent, TitleComponent, SVGRenderer])

type ChartOption = ComposeOption<LineSeriesOption | GridComponentOption | TitleComponentOption>

/** Readable on light and dark pages alike: the background is the page's. */
const colours = { text: '#7d8590', faint: '#7d859040', trouble: '#cf222e26', line: '#3b82d0' }

const width = 960
const rowHeight = 110
const margin = { left: 110, right: 24, top: 44, bottom: 40 }

/** A row for each link: its lag over time, and behind it what was wrong with it. */
export function drawLags(log: LagLog): string {
  const links = [...log.lags.keys()]
  const height = margin.top + links.length * rowHeight + margin.bottom
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption<ChartOption>({
      animation: false,
      textStyle: { color: colours.text, fontFamily: 'sans-serif' },
      title: {
        text: 'Seconds by which a cache is behind another region',
        left: margin.left,
        top: 10,
        textStyle: { color: colours.text, fontSize: 14, fontWeight: 'normal' },
      },
      grid: links.map((_, row) => ({
        left: margin.left,
        right: margin.right,
        top: margin.top + row * rowHeight,
        height: rowHeight - 30,
      })),
      xAxis: links.map((_, row) => timeAxis(row, row === links.length - 1, log)),
      yAxis: links.map((link, row) => lagAxis(row, link)),
      series: links.map((link, row) => seriesOf(link, row, log)),
    })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

function timeAxis(gridIndex: number, isLast: boolean, log: LagLog) {
  return {
    gridIndex,
    type: 'value' as const,
    min: 0,
    max: (log.times.at(-1) ?? 0) / 1_000,
    axisLabel: { show: isLast, color: colours.text, formatter: '{value} s', showMaxLabel: false },
    axisLine: { lineStyle: { color: colours.text } },
    axisTick: { show: false },
    splitLine: { show: false },
  }
}

function lagAxis(gridIndex: number, link: string) {
  return {
    gridIndex,
    type: 'value' as const,
    min: 0,
    splitNumber: 2,
    name: link,
    nameLocation: 'middle' as const,
    nameRotate: 0,
    nameGap: 52,
    nameTextStyle: { color: colours.text },
    axisLabel: { color: colours.text },
    splitLine: { lineStyle: { color: colours.faint } },
  }
}

function seriesOf(link: string, row: number, log: LagLog): LineSeriesOption {
  const troubles = log.troubles.filter(({ links }) => links.includes(link))
  return {
    name: link,
    type: 'line',
    xAxisIndex: row,
    yAxisIndex: row,
    showSymbol: false,
    lineStyle: { color: colours.line, width: 1.5 },
    areaStyle: { color: colours.line, opacity: 0.15 },
    data: (log.lags.get(link) ?? []).map((lag, at) => [(log.times[at] ?? 0) / 1_000, lag / 1_000]),
    markArea: {
      silent: true,
      itemStyle: { color: colours.trouble },
      label: { color: colours.text, position: 'insideTopLeft', fontSize: 11 },
      data: troubles.map(({ what, fromMs, toMs = fromMs }) => [
        { name: what, xAxis: fromMs / 1_000 },
        { xAxis: toMs / 1_000 },
      ]),
    },
  }
}
