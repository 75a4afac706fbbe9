/** Reasons in Korean. */
import type { Occupancy } from "../../explaining/reason.ts";
import type { Words, WriteTime } from "../../explaining/wording.ts";

/** Korean words. */
export const KOREAN_WORDS: Words = {
  "finished": ({ state, finishedAt, error }, time) => ({
    sentence: `작업이 이미 ${state} 상태로 끝났습니다${paren(finishedAt, time)}${
      error === null ? "" : `: ${error}`
    }.`,
    remedy: state === "FAILURE" ? "기록에서 오류를 확인한 뒤 다시 제출하세요." : null,
  }),
  "expired": ({ expiredAt }, time) => ({
    sentence: `작업이 시작되기 전에 만료되었습니다${paren(expiredAt, time)}.`,
    remedy: "`expires`를 더 늦게 정해 다시 제출하거나 워커를 늘리세요.",
  }),
  "revoked": ({ revokedAt, by }, time) => ({
    sentence: `작업이 취소되었습니다(${by})${paren(revokedAt, time)}.`,
    remedy: "실행하려면 다시 제출하세요.",
  }),
  "running": ({ worker, since, attempt, replied }, time) => ({
    sentence: `시도 ${attempt}이(가) 워커 ${worker ?? "(알 수 없음)"}에서 실행 중입니다${
      since ? ` (${time(since)}부터)` : ""
    }${replied === false ? ". 그러나 그 워커가 응답하지 않습니다" : ""}.`,
    remedy: replied === false
      ? "워커가 죽었다면 임대가 끝난 뒤 브로커가 다른 워커에 작업을 전달합니다. 그렇지 않으면 이벤트 루프가 막혀 있으니 로그를 확인하세요."
      : null,
  }),
  "unknown-id": ({ recent }) => ({
    sentence: recent
      ? "이 id의 기록이 아직 없습니다."
      : "이 id의 작업을 찾을 수 없습니다. 여기에 제출되지 않았거나, 결과를 남기지 않거나, 보존 기간이 지났습니다.",
    remedy: recent ? "몇 초 뒤에 다시 확인하세요." : "id를 확인하거나 작업을 다시 제출하세요.",
  }),
  "no-consumer": ({ queue, ready }) => ({
    sentence: `큐 '${queue}'을(를) 소비하는 워커가 없습니다. 메시지 ${ready}개가 기다립니다.`,
    remedy: `핸들러나 CELERIAC_QUEUES에 '${queue}'이(가) 있는 워커를 시작하세요.`,
  }),
  "queue-missing": ({ queue }) => ({
    sentence: `브로커에 큐 '${queue}'이(가) 없습니다.`,
    remedy: "`deno task definitions apply`를 실행한 뒤 작업을 다시 제출하세요.",
  }),
  "not-due": ({ dueAt, seconds, attempt, maxAttempts }, time) => ({
    sentence: attempt === 1
      ? `작업은 ${time(dueAt)}에 시작할 예정입니다(${seconds}초 뒤).`
      : `이전 시도가 실패하여 시도 ${attempt}/${maxAttempts ?? "무제한"}이(가) ${
        time(dueAt)
      }에 시작할 예정입니다(${seconds}초 뒤).`,
    remedy: null,
  }),
  "paused": ({ scope, name, why, pausedAt, resumedAt, rate }, time) => ({
    sentence: resumedAt === null
      ? `${scope === "queue" ? "큐" : "작업"} '${name}'이(가) 일시 중지되어 있습니다 (${
        time(pausedAt)
      }부터)${why === null ? "" : `: ${why}`}.`
      : `${scope === "queue" ? "큐" : "작업"} '${name}'을(를) 재개하는 중입니다 (${
        time(resumedAt)
      }부터)${
        rate === null ? "" : `. 초당 메시지 ${rate}개`
      }. 이 메시지의 차례가 아직 오지 않았습니다.`,
    remedy: resumedAt === null
      ? `\`deno task cli resume ${scope} ${name}\`을 실행하세요.`
      : "기다리거나 더 높은 `--rate`로 다시 재개하세요.",
  }),
  "in-outbox": ({ seconds, broker, brokerReason, attempts, lastError, nextTryAt }, time) => ({
    sentence: broker === "connected"
      ? `메시지를 보낼 시각이 ${seconds}초 지났지만 아직 아웃박스에 있습니다${
        attempts > 0 ? `. 발행 실패 ${attempts}회` : ""
      }${lastError === null ? "" : `: ${lastError}`}${
        nextTryAt ? ` (다음 시도 ${time(nextTryAt)})` : ""
      }.`
      : `메시지를 보낼 시각이 ${seconds}초 지났지만 브로커 상태가 ${broker}이어서 아직 아웃박스에 있습니다${
        brokerReason === null ? "" : `: ${brokerReason}`
      }.`,
    remedy: broker === "connected"
      ? "계속 남아 있으면 API 로그에서 이유를 확인하세요: 큐가 없거나, 가득 찼거나, 아웃박스에 비해 API가 부족합니다."
      : "브로커를 복구하세요. 그 뒤에는 API가 메시지를 스스로 발행합니다.",
  }),
  "behind-others": ({ queue, ready, perSecond, seconds }) => ({
    sentence: `큐 '${queue}'에서 최대 ${ready}개의 메시지가 앞에 있습니다${
      perSecond === null || seconds === null
        ? ". 지난 1분 동안 이 큐에서 끝난 작업이 없습니다"
        : `. 초당 ${perSecond}개의 속도로 약 ${seconds}초 걸립니다`
    }.`,
    remedy: "너무 길면 워커를 늘리세요.",
  }),
  "workers-full": ({ queue, workers, heldBy }) => ({
    sentence: heldBy === null
      ? `큐 '${queue}'의 모든 워커가 가득 찼습니다: ${workers.map(occupied).join(", ")}.`
      : `워커 ${heldBy}이(가) 작업을 받았지만 모든 자리가 찼습니다${
        workers.length > 0 ? `: ${workers.map(occupied).join(", ")}` : ""
      }.`,
    remedy: "기다리거나, 워커를 늘리거나, CELERIAC_CONCURRENCY를 높이세요.",
  }),
  "rate-limited": ({ worker, limit }) => ({
    sentence: `워커 ${worker}이(가) 작업을 받았고, 작업은 속도 제한 ${limit}을(를) 기다립니다.`,
    remedy: "기다리거나 계약의 `rateLimit`을 높이세요.",
  }),
  "task-unknown": ({ task, workers, since, nextTryAt }, time) => ({
    sentence: `응답한 워커 중 작업 '${task}'의 핸들러를 가진 워커가 없습니다${
      workers.length > 0 ? `: ${workers.join(", ")}` : ""
    }${since ? ` (${time(since)}부터)` : ""}${
      nextTryAt ? `. 다음 전달은 ${time(nextTryAt)}입니다` : ""
    }.`,
    remedy: "이 작업의 핸들러가 있는 워커를 배포하거나, 이름과 큐를 고치세요.",
  }),
  "input-refused": ({ detail }) => ({
    sentence: `입력이 작업의 스키마와 맞지 않습니다${detail === null ? "" : `: ${detail}`}`,
    remedy: "올바른 입력으로 다시 제출하거나, 스키마를 고친 뒤 실패한 메시지를 다시 보내세요.",
  }),
  "dead-lettered": ({ letter, reason, detail, diedAt }, time) => ({
    sentence: `메시지가 ${reason} 때문에 실패한 메시지로 옮겨졌습니다${paren(diedAt, time)}${
      detail === null ? "" : `: ${detail}`
    }`,
    remedy: `원인을 없앤 뒤 \`deno task cli dead redrive --id=${letter}\`를 실행하세요.`,
  }),
  "waiting-for-members": ({ workflow, count, tasks }) => ({
    sentence: `작업이 워크플로 ${workflow}의 이전 작업 ${count}개를 기다립니다: ${
      tasks.join(", ")
    }${count > tasks.length ? ", ..." : ""}.`,
    remedy: "이전 작업이 실행되지 않는 이유를 확인하세요.",
  }),
  "message-not-found": ({ queue, consumers, replies }) => ({
    sentence:
      `큐 '${queue}'에 준비된 메시지가 없고, 응답한 워커 ${replies}개 중 이 작업을 가진 워커가 없습니다. 큐의 소비자는 ${consumers}개입니다.`,
    remedy:
      "몇 초 뒤에 다시 확인하세요. 모든 워커가 응답했는데도 같다면 메시지가 사라진 것입니다(예: 큐 비우기). 작업을 다시 제출하세요.",
  }),
  "undetermined": ({ queue }) => ({
    sentence: `이유를 알 수 없습니다${queue === null ? ". 작업의 큐를 알 수 없습니다" : ""}.`,
    remedy: "읽지 못한 사실을 확인하거나 나중에 다시 물어보세요.",
  }),
};

function paren(moment: Date | null, time: WriteTime): string {
  return moment ? ` (${time(moment)})` : "";
}

function occupied({ worker, running, concurrency }: Occupancy): string {
  return `${worker} ${running}/${concurrency ?? "?"}`;
}
