{{/* The pod of the job that makes the topics. */}}
{{- define "onsight.topicsPod" -}}
serviceAccountName: {{ include "onsight.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: OnFailure
securityContext:
  {{- include "onsight.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: topics
    image: {{ include "onsight.image" (list .Values.image .Chart.AppVersion) }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args: [topics, create]
    {{- with include "onsight.env" . }}
    env:
      {{- . | nindent 6 }}
    {{- end }}
    envFrom:
      - configMapRef: {name: {{ include "onsight.fullname" . }}-settings}
    securityContext:
      {{- include "onsight.containerSecurity" . | nindent 6 }}
    resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 256Mi}
    volumeMounts:
      {{- include "onsight.mounts" . | nindent 6 }}
volumes:
  {{- include "onsight.volumes" . | nindent 2 }}
{{- end -}}
