/** The Korean texts of changes of many tasks. */
import type { Texts } from "./english.ts";

/** Korean texts. */
export const KOREAN_BULK: Pick<Texts, "bulk"> = {
  bulk: {
    title: "일괄 작업",
    change: "여러 작업 변경",
    select: (id) => `작업 ${id} 선택`,
    which: "대상",
    selected: "선택한 작업",
    matching: "필터에 맞는 모든 작업",
    action: "동작",
    actions: {
      cancel: "취소",
      terminate: "취소하고 실행 중인 작업은 강제 종료",
      retry: "재시도",
      rerun: "다시 실행",
    },
    preview: "작업 수 확인",
    confirmTitle: "변경 확인",
    matched: (count) => `작업 ${count}개가 해당됩니다.`,
    matchedAtLeast: (count) => `작업 ${count}개 이상이 해당됩니다. 모두 세지는 않았습니다.`,
    none: "해당하는 작업이 없습니다. 작업을 선택하거나 필터를 바꾸세요.",
    filter: "필터",
    everything: "모든 작업",
    inStates: "상태별",
    frozen: "이 시각 이전에 제출된 작업만",
    explanation:
      "변경은 백그라운드에서 실행됩니다. 차례가 되었을 때에도 조건에 맞는 작업만 변경됩니다.",
    warnings: {
      cancel: "시작되지 않은 작업은 실행되지 않습니다. 되돌릴 수 없습니다.",
      terminate: "실행 중인 시도가 정리 과정 없이 즉시 중단됩니다. 되돌릴 수 없습니다.",
      retry:
        "실패한 작업을 같은 ID로 다시 보냅니다. 배달 실패 메시지가 없으면 보관된 입력을 사용합니다.",
      rerun: "각 작업마다 보관된 입력으로 새 작업을 제출합니다.",
    },
    confirms: {
      cancel: "이 작업들을 취소",
      terminate: "이 작업들을 강제 종료",
      retry: "이 작업들을 재시도",
      rerun: "이 작업들을 다시 실행",
    },
    back: "작업 목록으로",
    all: "모든 일괄 작업",
    empty: "아직 일괄 작업이 없습니다. 작업 목록에서 시작하세요.",
    state: "상태",
    states: { running: "실행 중", ended: "완료", stopped: "중단됨" },
    progress: "진행 상황",
    progressOf: (done, matched) => `${matched}개 중 ${done}개`,
    done: "변경됨",
    refused: "변경되지 않음",
    refusals: "변경할 수 없었던 처음 몇 개의 작업",
    reason: "이유",
    by: "시작한 사람",
    at: "시작 시각",
    ended: "종료 시각",
    stop: "중단",
    stopWarning: "현재 단계가 끝나면 중단됩니다. 이미 변경된 작업은 그대로입니다.",
    stopConfirm: "일괄 작업 중단",
  },
};
